"""Which suites there are: folders with a `suite.py` or a `suite.toml`, in the program and in plug-in folders."""

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opswright.agents.plugins import module_at
from opswright.errors import ConfigError, InputError
from opswright.evals.suites import Env, Part, Setup, Suite
from opswright.nouns import digest
from opswright.settings import Settings

VARIABLE = "OPSWRIGHT_SUITES"
CODE, DATA = "suite.py", "suite.toml"


@dataclass(frozen=True)
class Found:
    """A suite that was found and not yet loaded. `plugin`: it lies outside the program."""

    name: str
    folder: Path
    plugin: bool = False

    @property
    def has_code(self) -> bool:
        """Whether a `suite.py` declares it."""
        return (self.folder / CODE).is_file()

    @property
    def cases(self) -> Path:
        """Where its cases lie as data; need not exist."""
        return self.folder / "cases" if self.plugin and self.has_code else self._own("cases")

    @property
    def recordings(self) -> Path:
        """Where its recordings lie; need not exist."""
        return self.folder / "recordings" if self.plugin else self._own("recordings")

    def _own(self, kind: str) -> Path:
        return self.folder if self.plugin else own_folder() / kind / self.name

    def load(self) -> Suite:
        """Its declaration. Raises ConfigError when it is broken or a library it needs is not installed."""
        if not self.has_code:
            from opswright.evals.folders import read_suite

            return read_suite(self.folder / DATA, self.plugin)
        where = str(self.folder / CODE)
        try:
            suite = getattr(self._module(), "SUITE", None)
        except (ImportError, SyntaxError) as error:
            raise ConfigError(f"cannot be loaded: {error}", where) from error
        if not isinstance(suite, Suite):
            raise ConfigError("must say SUITE = Suite(...)", where)
        return suite

    def _module(self) -> object:
        if not self.plugin:
            return importlib.import_module(f"opswright.evals.{self.name}.suite")
        package = f"opswright_suite_{self.name}_{digest(str(self.folder.resolve()))[:8]}"
        module_at(package, self.folder / "__init__.py", self.folder)
        return importlib.import_module(f"{package}.suite")


def own_folder() -> Path:
    """The folder of the suites that come with the program."""
    return Path(__file__).parent


def plugin_folders(given: Sequence[Path], environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Folders of more suites: the option's and the environment's. A project's file cannot name any: they are code."""
    named = [Path(name) for name in environment.get(VARIABLE, "").split(os.pathsep) if name]
    return tuple(path.absolute() for path in (*given, *named))


def find_suites(plugins: Sequence[Path] = ()) -> dict[str, Found]:
    """Every suite by name. Raises ConfigError for a missing plug-in folder and a name that is there twice."""
    own = own_folder()
    folders = [path.parent for path in (*own.glob(f"*/{CODE}"), *own.glob(f"cases/*/{DATA}"))]
    found = [Found(folder.name, folder) for folder in folders]
    for root in plugins:
        if not root.is_dir():
            raise ConfigError("no such folder of suites", str(root))
        inside = {path.parent for name in (CODE, DATA) for path in root.glob(f"*/{name}")}
        found += [Found(folder.name, folder, plugin=True) for folder in inside]
    suites: dict[str, Found] = {}
    for one in sorted(found, key=lambda one: (one.plugin, one.name)):
        if one.name in suites:
            raise ConfigError(f"suite {one.name!r} exists already in {suites[one.name].folder}", str(one.folder))
        suites[one.name] = one
    return suites


def find_suite(name: str, plugins: Sequence[Path] = ()) -> Found:
    """One suite. Raises InputError that names those there are."""
    suites = find_suites(plugins)
    if name not in suites:
        raise InputError(f"there is no suite {name!r} (there is {', '.join(suites)})", "SUITE")
    return suites[name]


@dataclass(frozen=True)
class Opening:
    """How a process opens one part of a suite by itself: what travels to workers instead of code."""

    suite: Found
    setup: Setup
    part: str

    def __call__(self) -> Part:
        """The part."""
        return next(one for one in open_parts(self.suite.load(), self.setup) if one.name == self.part)


def setup_of(
    found: Found,
    settings: Settings,
    *,
    data: Path | None = None,
    seed: int = 1,
    env: Env = "recorded",
    record: bool = False,
    recordings: Path | None = None,
) -> Setup:
    """What a suite is opened with."""
    from opswright.agents.runs import new_run_id

    folder = (recordings or found.recordings).absolute()
    run = f"{found.name}-{new_run_id()}"
    return Setup(settings, found.name, folder, found.cases, data, seed, settings.tier, env, record, run=run)


def open_parts(suite: Suite, setup: Setup) -> tuple[Part, ...]:
    """The suite's parts, as it declares them. Raises ConfigError when it opens others."""
    parts = tuple(suite.open(replace(setup, budget=suite.budget, approvals=suite.approvals)))
    if [one.name for one in parts] != list(suite.parts):
        opened = ", ".join(one.name for one in parts)
        raise ConfigError(f"declares parts {', '.join(suite.parts)} and opens {opened}", f"suite {setup.suite}")
    return parts
