"""Loads what a manifest names, when it is used: the program's own specialists and those in plug-in folders."""

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any, cast

from pydantic import ValidationError

from opswright.agents.manifests import MANIFEST, Manifest
from opswright.agents.plugins import module_at
from opswright.agents.ports import Context, Specialist
from opswright.errors import ConfigError
from opswright.nouns import Json, digest
from opswright.settings import Section, Settings


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


def settings_of(manifest: Manifest, settings: Settings) -> Section | None:
    """The specialist's own section of the settings, `[specialists.NAME]`; None where its manifest names no class.

    Raises ConfigError with the place of the key that is unknown, wrong, or not for a project file to set.
    """
    if manifest.settings is None:
        return None
    form = load(manifest, manifest.settings)
    if not (isinstance(form, type) and issubclass(form, Section)):
        raise ConfigError(f"{manifest.settings} must be a class that derives settings.Section", str(manifest.folder))
    own, project = settings.specialists.get(manifest.name, {}), settings.project_specialists.get(manifest.name, {})
    section = _section(form, own, manifest.name, settings)
    for key, value in project.items():
        if key in form.model_fields and (reason := section.widens(key, value)):
            name = f"specialists.{manifest.name}.{key}"
            said = f"a project file may only narrow, and `{name}` {reason}"
            raise ConfigError(f"{said}; put it into your own config.toml", settings.sources(name).place)
    return _section(form, {**own, **project}, manifest.name, settings) if project else section


def sections_of(manifests: Mapping[str, Manifest], settings: Settings) -> dict[str, Section]:
    """All sections there are, by specialist. Raises ConfigError for a table that no specialist reads, and as above."""
    for name in (*settings.specialists, *settings.project_specialists):
        place = settings.sources(f"specialists.{name}").place
        if name not in manifests:
            raise ConfigError(
                f"`specialists.{name}`: there is no such specialist (there is {', '.join(manifests)})", place
            )
        if manifests[name].settings is None:
            raise ConfigError(f"`specialists.{name}`: that specialist has no settings", place)
    found = {name: settings_of(manifest, settings) for name, manifest in manifests.items()}
    return {name: section for name, section in found.items() if section is not None}


def _section(form: type[Section], values: Mapping[str, Json], name: str, settings: Settings) -> Section:
    try:
        return form.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(["specialists", name, *map(str, first["loc"])])
        unknown = first["type"] == "extra_forbidden"
        said = f"unknown setting `{key}`" if unknown else f"setting `{key}`: {first['msg']}"
        raise ConfigError(said, settings.sources(key).place) from None


def build(manifest: Manifest, context: Context) -> Specialist:
    """The specialist of a manifest, built."""
    return cast(Specialist, load(manifest, manifest.specialist)(context))


def _plugin(manifest: Manifest) -> ModuleType:
    """The folder as a package under a name of its own, so that `.module` and relative imports work in it."""
    name = f"opswright_plugin_{manifest.name}_{digest(str(manifest.folder.resolve()))[:8]}"
    return module_at(name, manifest.folder / "__init__.py", manifest.folder)
