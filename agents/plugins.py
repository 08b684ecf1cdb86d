"""Loads a plug-in's Python file as a module under a name of its own, once."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def module_at(name: str, file: Path, folder: Path | None = None) -> ModuleType:
    """The module of a file; `folder` makes it a package whose modules lie there.

    Raises ImportError when there is no such file; whatever the file raises leaves nothing behind.
    """
    if name in sys.modules:
        return sys.modules[name]
    search = None if folder is None else [str(folder)]
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=search)
    if spec is None or spec.loader is None or not file.is_file():
        raise ImportError(f"{file} is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
