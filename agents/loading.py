"""Loads what a manifest names, when it is used: the program's own specialists and those in plug-in folders."""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any, cast

from opswright.agents.manifests import MANIFEST, Manifest
from opswright.agents.ports import Context, Specialist
from opswright.errors import ConfigError
from opswright.nouns import digest


def load(manifest: Manifest, target: str) -> Any:
    """The attribute that `module:attribute` names; a leading dot is the specialist's own folder.

    Raises ConfigError when the module or the attribute does not exist, or a library it needs is not installed.
    """
    name, _, attribute = target.partition(":")
    where = str(manifest.folder / MANIFEST)
    try:
        if name.startswith("."):
            name = (manifest.package or _plugin(manifest).__name__) + name
        module = importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"{target} cannot be loaded: {error}", where) from error
    if not hasattr(module, attribute):
        raise ConfigError(f"{target}: no {attribute} in {name}", where)
    return getattr(module, attribute)


def build(manifest: Manifest, context: Context) -> Specialist:
    """The specialist of a manifest, built."""
    return cast(Specialist, load(manifest, manifest.specialist)(context))


def _plugin(manifest: Manifest) -> ModuleType:
    """The folder as a package under a name of its own, so that `.module` and relative imports work in it."""
    name = f"opswright_plugin_{manifest.name}_{digest(str(manifest.folder.resolve()))[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    init = manifest.folder / "__init__.py"
    spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(manifest.folder)])
    if spec is None or spec.loader is None or not init.is_file():
        raise ImportError(f"{init} is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
