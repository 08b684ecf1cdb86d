"""Loads what a manifest names, when it is used: the program's own specialists and those in plug-in folders."""

import importlib
from types import ModuleType
from typing import Any, cast

from opswright.agents.manifests import MANIFEST, Manifest
from opswright.agents.plugins import module_at
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
    return module_at(name, manifest.folder / "__init__.py", manifest.folder)
