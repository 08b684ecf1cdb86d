"""A suite that is a folder of cases alone: `suite.toml`, case folders or lines, and the product as what is measured."""

import importlib
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from opswright.agents.plugins import module_at
from opswright.errors import ConfigError, InputError
from opswright.evals.plain import CasesPart, Scorer
from opswright.evals.product import CASE_BUDGET, run_case
from opswright.evals.suites import Case, Part, Setup, Suite
from opswright.nouns import Budget, Json, Task, digest
from opswright.settings import ApprovalSettings, Limits

if TYPE_CHECKING:
    from opswright.agents.files import File

_OWN = ("budget", "approvals")  # a suite's or a case's
_KEYS = ("summary", "data", "recording", "scorers", "specialists", "parts", "jobs", "target", *_OWN)
_PART_KEYS = ("about", "cases", "scorers", "recording")
ONLY_PART = "cases"


def read_suite(path: Path, plugin: bool = False) -> Suite:
    """The suite that a `suite.toml` declares. Raises ConfigError with the key that is wrong."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot be read: {error}", str(path)) from None
    table = _Table(data, path)
    table.only(_KEYS)
    summary = table.text("summary")
    parts = {name: _Table(one, path, f"parts.{name}.") for name, one in table.tables("parts").items()}
    for one in parts.values():
        one.only(_PART_KEYS)
    specialists = tuple((path.parent / name).resolve() for name in table.texts("specialists"))
    if specialists and not plugin:
        raise ConfigError("specialists is for plug-in suites", str(path))
    opened = [_part(name, one, table, specialists) for name, one in parts.items()]
    opened = opened or [_part(ONLY_PART, _Table({}, path), table, specialists)]
    return Suite(
        summary=summary,
        parts={one.name: one.about for one in opened},
        open=_Opener(tuple(opened)),
        data=table.text("data", ""),
        unrecordable={one.name: one.recording for one in opened if one.recording},
        budget=budget_of(data, CASE_BUDGET, str(path)) if "budget" in data else None,
        approvals=approvals_of(data, str(path)),
        jobs=table.count("jobs"),
        target=_target(table.text("target"), path.parent) if "target" in data else None,
    )


def budget_of(data: Mapping[str, Json], usual: Budget, where: str) -> Budget:
    """`[budget]` over the usual one. Raises ConfigError."""
    try:
        limits = Limits.model_validate(data["budget"])
    except ValidationError as error:
        raise _wrong("budget", error, where) from None
    return replace(usual, **{name: getattr(limits.budget(), name) for name in limits.model_fields_set})


def approvals_of(data: Mapping[str, Json], where: str) -> ApprovalSettings | None:
    """`[approvals]`, as in the settings; None where there is none. Raises ConfigError."""
    try:
        return ApprovalSettings.model_validate(data["approvals"]) if "approvals" in data else None
    except ValidationError as error:
        raise _wrong("approvals", error, where) from None


def _wrong(table: str, error: ValidationError, where: str) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    return ConfigError(f"{'.'.join([table, *map(str, first['loc'])])}: {first['msg']}", where)


@dataclass(frozen=True)
class _Target:
    """Opens a suite's live target: `.mod:f` of the suite's own folder or `module:f`, loaded when it is needed."""

    name: str
    folder: Path

    def __call__(self, setup: Setup) -> AbstractContextManager[Json]:
        return cast(AbstractContextManager[Json], _loaded("target", self.name, self.name, self.folder)(setup))


def _target(name: str, folder: Path) -> _Target:
    if ":" not in name:
        raise ConfigError(f"target must be .module:attribute or module:attribute, not {name!r}", str(folder))
    return _Target(name, folder)


@dataclass(frozen=True)
class _Declared:
    name: str
    about: str
    source: Path
    scorers: tuple[str, ...]
    specialists: tuple[Path, ...]
    recording: str


def _part(name: str, table: "_Table", suite: "_Table", specialists: tuple[Path, ...]) -> _Declared:
    folder = suite.path.parent
    return _Declared(
        name=name,
        about=table.text("about", suite.text("summary")),
        source=folder / table.text("cases", "") if "cases" in table.data else folder,
        scorers=tuple(table.texts("scorers") or suite.texts("scorers") or ["expected"]),
        specialists=specialists,
        recording=table.text("recording", suite.text("recording", "")),
    )


@dataclass(frozen=True)
class _Opener:
    parts: tuple[_Declared, ...]

    def __call__(self, setup: Setup) -> Sequence[Part]:
        return [
            CasesPart(
                one.name,
                setup,
                one.source,
                Product(one.specialists),
                tuple(_scorer(name, setup.cases) for name in one.scorers),
            )
            for one in self.parts
        ]


@dataclass(frozen=True)
class Product:
    """The subject of such a suite: a case's request or task, through the product."""

    specialists: tuple[Path, ...] = ()

    def __call__(self, setup: Setup, case: Case) -> Mapping[str, Json]:
        """All that a scorer may look at. Raises InputError for a case that asks for nothing."""
        work = _work(case)
        files = () if isinstance(work, Task) else [_given(case, name) for name in _files(case)]
        where, usual = f"case {case.id}", setup.budget or CASE_BUDGET
        budget = budget_of(case.data, usual, where) if "budget" in case.data else None
        approvals = approvals_of(case.data, where) if setup.live else None
        return run_case(
            setup, case, work, files=files, specialists=self.specialists, budget=budget, approvals=approvals
        ).as_json()


def _work(case: Case) -> str | Task:
    data, where = case.data, f"case {case.id}"
    if ("request" in data) == ("task" in data):
        raise InputError("must say either `request` or `[task]`", where)
    if "request" in data:
        return str(data["request"])
    task = data["task"]
    try:
        texts = {name: _file(case, file).read_text(encoding="utf-8") for name, file in task.get("files", {}).items()}
        return Task("t1", task["specialist"], task["goal"], {**task.get("inputs", {}), **texts})
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"[task] needs specialist and goal, and tables inputs and files: {error}", where) from None


def _files(case: Case) -> list[str]:
    files = case.data.get("files", [])
    if not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        raise InputError("files must be a list of names", f"case {case.id}")
    return files


def _given(case: Case, name: str) -> "File":
    """A file of the request, under a name that is the same on every machine: recordings are found by what was asked."""
    from opswright.agents.files import read_files

    return replace(read_files([_file(case, name)])[0], name=f"/{name}")


def _file(case: Case, name: str) -> Path:
    """A file of the case's own folder, and of no other."""
    path = (case.folder or Path()) / name
    if case.folder is None or not path.resolve().is_relative_to(case.folder.resolve()) or not path.is_file():
        raise InputError(f"there is no file {name} in its folder", f"case {case.id}")
    return path


def _scorer(name: str, folder: Path) -> Scorer:
    """`expected` is a file of `evals/scorers`, `.mod:f` one of the suite's own folder, `module:f` any other."""
    where = name if ":" in name else f"opswright.evals.scorers.{name}:score"
    return cast(Scorer, _loaded("scorer", name, where, folder))


def _loaded(what: str, name: str, where: str, folder: Path) -> Any:
    module, _, attribute = where.partition(":")
    try:
        if module.startswith("."):
            file = folder / f"{module[1:]}.py"
            loaded: Any = module_at(f"opswright_{what}_{module[1:]}_{digest(str(file.resolve()))[:8]}", file)
        else:
            loaded = importlib.import_module(module)
        return getattr(loaded, attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"there is no {what} {name!r}: {error}", str(folder)) from error


@dataclass(frozen=True)
class _Table:
    """Checked access to a TOML table; errors name the file and the dotted key."""

    data: Mapping[str, Any]
    path: Path
    prefix: str = ""

    def _wrong(self, key: str, message: str) -> ConfigError:
        return ConfigError(f"{self.prefix}{key} {message}", str(self.path))

    def only(self, known: Sequence[str]) -> None:
        for key in self.data:
            if key not in known:
                raise self._wrong(key, f"is not known here (known: {', '.join(known)})")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.data.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self._wrong(key, "must be a text that is not empty")
        return value

    def texts(self, key: str) -> list[str]:
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self._wrong(key, "must be a list of texts")
        return value

    def count(self, key: str) -> int | None:
        value = self.data.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise self._wrong(key, "must be a whole number, 1 or more")
        return value

    def tables(self, key: str) -> Mapping[str, Mapping[str, Any]]:
        value = self.data.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(one, dict) for one in value.values()):
            raise self._wrong(key, "must be a table of tables")
        return value
