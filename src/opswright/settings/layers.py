"""Reading the layers of the settings and laying each over the one below."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from opswright.errors import ConfigError
from opswright.nouns import Json
from opswright.settings.narrow import leaves, narrow
from opswright.settings.shape import Settings, Source, build

PROJECT_FILE = ".opswright.toml"
USER_FILE = "config.toml"
_FLAGS = {"tier": "tier", "max_usd": "budget.usd", "max_tokens": "budget.tokens", "max_seconds": "budget.seconds"}

# Environment variables of settings, beside OPENAI_BASE_URL.
VARIABLES = {
    "OPSWRIGHT_TIER": "tier",
    "OPSWRIGHT_STATE_DIR": "state_dir",
    "OPSWRIGHT_CACHE_DIR": "cache_dir",
    "OPSWRIGHT_MAX_USD": "budget.usd",
    "OPSWRIGHT_MAX_TOKENS": "budget.tokens",
    "OPSWRIGHT_MAX_SECONDS": "budget.seconds",
    "OPSWRIGHT_MAX_TRIALS": "budget.trials",
    "OPSWRIGHT_BASE_URL": "models.base_url",
    "OPSWRIGHT_MODEL": "models.model",
    "OPSWRIGHT_MODEL_LOW": "models.low",
    "OPSWRIGHT_MODEL_MID": "models.mid",
    "OPSWRIGHT_MODEL_HIGH": "models.high",
    "OPSWRIGHT_MODEL_CALLS": "models.calls",
    "OPSWRIGHT_TOKEN_COUNTS": "models.token_counts",
    "OPSWRIGHT_MODEL_TIMEOUT": "models.timeout_s",
    "OPSWRIGHT_MODEL_RETRIES": "models.retries",
    "OPSWRIGHT_CACHE": "models.cache",
    "OPSWRIGHT_RECORDING": "models.recording",
    "OPSWRIGHT_RECORDINGS": "models.recordings",
    "OPSWRIGHT_CHECKPOINTS": "checkpoints.backend",
    "OPSWRIGHT_ENVIRONMENT": "approvals.environment",
    "OPSWRIGHT_SIGNING_KEY_FILE": "signing.key_file",
    "OPSWRIGHT_SANDBOX": "sandbox.backing",
    "OPSWRIGHT_SANDBOX_IMAGE": "sandbox.image",
    "OPSWRIGHT_INDEX": "memory.index",
    "OPSWRIGHT_EMBEDDER": "memory.embedder",
    "OPSWRIGHT_EMBEDDING_MODEL": "memory.embedding_model",
}

# Variables of ours that are no settings: secrets, places of data, and what only the tests read.
OTHER_VARIABLES = frozenset(
    {
        "OPSWRIGHT_CHROMA_TOKEN",
        "OPSWRIGHT_DATA",
        "OPSWRIGHT_FORBID_MODEL_CALLS",
        "OPSWRIGHT_KEY_PASSPHRASE",
        "OPSWRIGHT_POSTGRES_DSN",
        "OPSWRIGHT_REQUIRE_LIVE",
        "OPSWRIGHT_SUITES",
        "OPSWRIGHT_UPDATE_README",
    }
)


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Reads every layer. `environment` and `folder` default to the process's own.

    Raises ConfigError naming `file:line`, the variable or the flag.
    """
    layers = Layers(dict(os.environ) if environment is None else environment, folder or Path.cwd())
    values, sources = layers.merged(flags or {})
    return build(values, sources, layers.project_specialists)


class Layers:
    """The layers below the flags, for one environment and folder."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self.project_specialists: dict[str, dict[str, Json]] = {}

    def merged(self, flags: Mapping[str, Any]) -> tuple[dict[str, Json], dict[str, Source]]:
        """The nested values of all layers and, by dotted name, where each came from."""
        values, sources = self._defaults()
        user_file = Path(values["config_dir"]) / USER_FILE
        self._add_file(values, sources, user_file, "user file")
        project_file = find_project_file(self._folder)
        if project_file is not None:
            project, places = read_file(project_file, "project file")
            self.project_specialists = _tables(project, places)
            for name, table in self.project_specialists.items():
                _set_sources(sources, {"specialists": {name: table}}, places)
            narrow(project, places, build(values, sources))
            _merge(values, project)
            _set_sources(sources, project, places)
        for variable, name in {"OPENAI_BASE_URL": "models.base_url", **VARIABLES}.items():
            if self._environment.get(variable):
                _put(values, name, self._environment[variable])
                sources[name] = Source("environment", variable)
        for flag, name in _FLAGS.items():
            if flags.get(flag) is not None:
                _put(values, name, flags[flag])
                sources[name] = Source("flag", "--" + flag.replace("_", "-"))
        return values, sources

    def _defaults(self) -> tuple[dict[str, Json], dict[str, Source]]:
        home = Path(self._environment.get("HOME") or "~").expanduser()
        places = {"state": ".local/state", "cache": ".cache", "config": ".config"}
        values: dict[str, Json] = {}
        sources: dict[str, Source] = {}
        for kind, under_home in places.items():
            variable = f"XDG_{kind.upper()}_HOME"
            base = self._environment.get(variable, "")
            absolute = base.startswith("/")  # the XDG specification: a relative path is ignored
            values[f"{kind}_dir"] = str((Path(base) if absolute else home / under_home) / "opswright")
            if absolute:
                sources[f"{kind}_dir"] = Source("environment", variable)
        return values, sources

    def _add_file(self, values: dict[str, Json], sources: dict[str, Source], file: Path, layer: str) -> None:
        if not file.exists():
            return
        found, places = read_file(file, layer)
        _merge(values, found)
        _set_sources(sources, found, places)


def _tables(project: dict[str, Json], places: Mapping[str, Source]) -> dict[str, dict[str, Json]]:
    """Takes the specialists' tables out of a project file's values."""
    tables = project.pop("specialists", {})
    if not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
        raise ConfigError("setting `specialists`: must be tables, [specialists.NAME]", places["specialists"].place)
    return tables


def find_project_file(folder: Path) -> Path | None:
    """`.opswright.toml` in the folder or above it, up to the repository's root."""
    for place in (folder, *folder.parents):
        if (place / PROJECT_FILE).is_file():
            return place / PROJECT_FILE
        if (place / ".git").exists():
            return None
    return None


def read_file(file: Path, layer: str) -> tuple[dict[str, Json], dict[str, Source]]:
    """The values of a TOML file and the place of each name in it. Raises ConfigError."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ConfigError(f"cannot read the settings: {reason}", str(file)) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"broken TOML: {error}", str(file)) from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, 5,000 brackets
        raise ConfigError(f"not settings: {type(error).__name__} while it was read", str(file)) from None
    lines = line_numbers(text)
    places = {name: Source(layer, f"{file}:{lines[name]}" if name in lines else str(file)) for name in _names(values)}
    return values, places


def line_numbers(text: str) -> dict[str, int]:
    """The line of each dotted name in plain TOML (a name inside an inline table has its table's line)."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith("["):
            section = bare.strip("[]# ").split("]")[0].replace('"', "").replace(" ", "")
            found.setdefault(section, number)
        elif "=" in bare and not bare.startswith("#"):
            key = bare.split("=")[0].strip().replace('"', "").replace(" ", "")
            found.setdefault(f"{section}.{key}" if section else key, number)
    return found


def _names(values: Mapping[str, Json], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from _names(value, f"{prefix}{key}.")


def _merge(into: dict[str, Json], new: Mapping[str, Json]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _put(values: dict[str, Json], name: str, value: Json) -> None:
    *sections, last = name.split(".")
    for section in sections:
        values = values.setdefault(section, {})
    values[last] = value


def _set_sources(sources: dict[str, Source], values: Mapping[str, Json], places: Mapping[str, Source]) -> None:
    for name, _ in leaves(values):
        place = name
        while place not in places:
            place = place.rpartition(".")[0]
        sources[name] = places[place]
