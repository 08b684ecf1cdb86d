"""The manifests of specialists: one `agent.toml` in each folder under `agents/`, read without importing anything.

name = "policy"
summary = "Repairs, compares and explains cloud access policies."
specialist = ".specialist:build"          # module:attribute; a leading dot is the specialist's own folder
settings = ".settings:PolicySettings"     # optional: a settings.Section, for [specialists.policy] of the settings

tools = ["iam", "files"]

[commands]                                # optional: loaded when used; a bare text is a target
policy = { target = ".commands:policy", help = "Compare, check, repair and explain access policies." }

[routing]
keywords = ["iam", "bucket policy", ...]  # words and phrases of its requests
examples = ["Why can nobody read the reports bucket?", ...]
classify = ".files:classify"              # optional: (name, text) -> role of the file ("policy", "spec") or None
inputs = ".requests:inputs"               # optional: (goal, files: Sequence[files.File]) -> a task's inputs
by_reference = true                       # optional: its files are never stored; needs `classify` and `inputs`

[risk]                                    # every effect it may use, with the class it has at least
"files.write" = "reversible"

[tiers]                                   # optional
order = ["solver", "low", "mid", "high"]
rounds = { solver = 3, low = 2, mid = 2, high = 2 }   # most proposals of a tier in one task
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opswright.errors import ConfigError
from opswright.nouns import Risk, Tier

MANIFEST = "agent.toml"
ROUNDS = {Tier.SOLVER: 4, Tier.LOW: 3, Tier.MID: 3, Tier.HIGH: 2}


@dataclass(frozen=True)
class CommandEntry:
    """One command of the command line: where its click object is, and its line in `--help`."""

    name: str
    target: str
    help: str


@dataclass(frozen=True)
class Routing:
    """What tells that a request is for this specialist."""

    keywords: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    classify: str | None = None
    inputs: str | None = None
    by_reference: bool = False


@dataclass(frozen=True)
class Manifest:
    """What is known of a specialist before any of its code is loaded."""

    name: str
    summary: str
    specialist: str
    folder: Path
    package: str  # the importable package of the folder; empty for a folder outside the program
    commands: tuple[CommandEntry, ...] = ()
    routing: Routing = field(default_factory=Routing)
    risk: Mapping[str, Risk] = field(default_factory=dict)
    tiers: tuple[Tier, ...] = tuple(Tier)
    rounds: Mapping[Tier, int] = field(default_factory=lambda: dict(ROUNDS))
    tools: tuple[str, ...] = ()
    settings: str | None = None


def own_folder() -> Path:
    """The folder of the specialists that come with the program."""
    return Path(__file__).parent


def read_manifests(extra: Sequence[Path] = ()) -> dict[str, Manifest]:
    """Every specialist by name, those of the program first; `extra`: folders of specialist folders (plug-ins).

    Raises ConfigError for a broken manifest, a missing extra folder, and a name that is there twice.
    """
    found: dict[str, Manifest] = {}
    for root in [own_folder(), *extra]:
        if not root.is_dir():
            raise ConfigError("no such folder of specialists", str(root))
        for path in sorted(root.glob(f"*/{MANIFEST}")):
            manifest = read_manifest(path)
            if manifest.name in found:
                raise ConfigError(
                    f"specialist {manifest.name!r} exists already in {found[manifest.name].folder}", str(path)
                )
            found[manifest.name] = manifest
    return found


def read_manifest(path: Path) -> Manifest:
    """One manifest. Raises ConfigError with the path and the key that is wrong."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", str(path)) from error
    return parse_manifest(data, path)


def parse_manifest(data: Mapping[str, Any], path: Path) -> Manifest:
    """The manifest a TOML document describes; `path` is for messages and for the folder it stands in."""
    table = _Table(data, str(path))
    known = ("name", "summary", "specialist", "commands", "routing", "risk", "tiers", "tools", "settings")
    table.only(*known)
    folder = path.parent
    summary = table.text("summary")
    commands = table.table("commands")
    inside = folder.parent == own_folder()
    tiers = table.table("tiers")
    tiers.only("order", "rounds")
    return Manifest(
        name=table.identifier("name"),
        summary=summary,
        specialist=table.target("specialist"),
        folder=folder,
        package=f"opswright.agents.{folder.name}" if inside else "",
        commands=tuple(_command(commands, name, summary) for name in commands.data),
        routing=_routing(table.table("routing")),
        risk={effect: table.table("risk").risk(effect) for effect in table.table("risk").data},
        tiers=tiers.tiers("order") or tuple(Tier),
        rounds=_rounds(tiers.table("rounds")),
        tools=tuple(table.texts("tools")),
        settings=table.target("settings") if "settings" in table.data else None,
    )


def _command(table: "_Table", name: str, summary: str) -> CommandEntry:
    if isinstance(table.data[name], str):
        return CommandEntry(name, table.target(name), summary)
    entry = table.table(name)
    entry.only("target", "help")
    return CommandEntry(name, entry.target("target"), entry.text("help"))


def _routing(table: "_Table") -> Routing:
    table.only("keywords", "examples", "classify", "inputs", "by_reference")
    by_reference = table.flag("by_reference")
    if by_reference and not {"classify", "inputs"} <= set(table.data):
        raise table.wrong("by_reference", "needs classify and inputs: which files are meant, and what is handed on")
    return Routing(
        keywords=tuple(table.texts("keywords")),
        examples=tuple(table.texts("examples")),
        classify=table.target("classify") if "classify" in table.data else None,
        inputs=table.target("inputs") if "inputs" in table.data else None,
        by_reference=by_reference,
    )


def _rounds(table: "_Table") -> dict[Tier, int]:
    table.only(*Tier)
    return ROUNDS | {Tier(name): table.count(name) for name in table.data}


@dataclass(frozen=True)
class _Table:
    """One TOML table with checked access; every error names the file and the dotted key."""

    data: Mapping[str, Any]
    where: str
    prefix: str = ""

    def wrong(self, key: str, message: str) -> ConfigError:
        return ConfigError(f"{self.prefix}{key} {message}", self.where)

    def only(self, *known: str) -> None:
        for key in self.data:
            if key not in known:
                raise self.wrong(key, f"is not known here (known: {', '.join(known)})")

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "must be a text that is not empty")
        return value

    def identifier(self, key: str) -> str:
        value = self.text(key)
        if not (value.isidentifier() and value.islower()):
            raise self.wrong(key, f"must be lower-case letters, digits and _, not {value!r}")
        return value

    def target(self, key: str) -> str:
        value = self.text(key)
        module, _, attribute = value.partition(":")
        if not module.strip(".") or not all(part.isidentifier() for part in module.lstrip(".").split(".")):
            raise self.wrong(key, f"must be module:attribute, not {value!r}")
        if not attribute.isidentifier():
            raise self.wrong(key, f"must be module:attribute, not {value!r}")
        return value

    def texts(self, key: str) -> list[str]:
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.wrong(key, "must be a list of texts")
        return value

    def count(self, key: str) -> int:
        value = self.data[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(key, "must be a whole number, 0 or more")
        return value

    def flag(self, key: str) -> bool:
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def risk(self, key: str) -> Risk:
        try:
            return Risk(self.data[key])
        except ValueError as error:
            raise self.wrong(key, f"must be one of {', '.join(Risk)}") from error

    def tiers(self, key: str) -> tuple[Tier, ...]:
        try:
            return tuple(Tier(name) for name in self.texts(key))
        except ValueError as error:
            raise self.wrong(key, f"must be a list of {', '.join(Tier)}") from error

    def table(self, key: str) -> "_Table":
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "must be a table")
        return _Table(value, self.where, f"{self.prefix}{key}.")
