"""What a suite is made of: cases as data, a function that runs one, a pure function that sums the rows up."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from opswright.nouns import Budget, Json
from opswright.settings import ApprovalSettings, Settings

Env = Literal["recorded", "live"]


@dataclass(frozen=True)
class Case:
    """One piece of benchmark work. `id` is unique in its part; `data` is all that `run` needs beside the part.

    `folder` holds the files of a case that is a folder, and its recorded environment.
    """

    id: str
    data: Mapping[str, Json] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True)
class Table:
    """A table as text cells; the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Goal:
    """A target beside what was measured; `met` is None where nothing was measured."""

    name: str
    target: str
    measured: str
    met: bool | None


@dataclass(frozen=True)
class Summary:
    """What one part says in the end: tables, goals as measured, figures for programs, and how to read them."""

    part: str
    tables: tuple[Table, ...]
    goals: tuple[Goal, ...] = ()
    figures: Mapping[str, Json] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Part(Protocol):
    """One part of a suite. Instances are pickled to worker processes."""

    @property
    def name(self) -> str:
        """Its name on the command line."""
        ...

    def cases(self) -> Sequence[Case]:
        """All cases in a fixed order, the same for the same seed."""
        ...

    def run(self, case: Case) -> Json:
        """Runs one case and returns its row as a JSON object. Pure but for the clock."""
        ...

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """Sums up rows by case id; pure."""
        ...


@runtime_checkable
class Shown(Protocol):
    """A part whose cases are more than their data."""

    def show(self, case: Case) -> Json:
        """The case as a person looks at it."""
        ...


@runtime_checkable
class Prepared(Protocol):
    """A part with something to do before its cases can be listed."""

    def prepare(self, fresh: bool, limit: int | None) -> None:
        """Called once, in the process that lists the cases; `fresh`: what was there before is not to be used."""
        ...


@dataclass(frozen=True)
class Setup:
    """How a suite is to be run; plain values that travel to worker processes.

    `data`: the data folder, None for a suite that reads none; `tier`: auto, solver, low, mid or high; `env`: whether
    models and environments are recorded or live; `record`: they are live, and what they say is added to `recordings`,
    the suite's own folder; `cases`: the suite's folder of cases, which need not exist. `budget`, `approvals`: the
    suite's own for its cases; `target`: what its live target gave, None where it has none or nothing is live; `run`:
    the name that the state folders of this run's live cases go by.
    """

    settings: Settings
    suite: str
    recordings: Path
    cases: Path
    data: Path | None = None
    seed: int = 1
    tier: str = "auto"
    env: Env = "recorded"
    record: bool = False
    budget: Budget | None = None
    approvals: ApprovalSettings | None = None
    target: Json = None
    run: str = ""

    @property
    def live(self) -> bool:
        """Whether environments are real ones: what is recorded is real as well."""
        return self.record or self.env == "live"

    @property
    def data_folder(self) -> Path:
        """The data folder of a suite that declared one."""
        assert self.data is not None, f"{self.suite} declares no data"
        return self.data


@dataclass(frozen=True)
class Suite:
    """A suite as it declares itself: `parts` by name with one line each, in the order they run.

    `data`: the folder in the data folder that it reads, empty where it needs none; `unrecordable`: by part, why a
    model's answers about its cases must not be recorded. `budget`: of one case, where it is not the usual one;
    `approvals`: what its live cases may do without being asked, strict where it says nothing; `jobs`: the most cases at
    once where they are live, 1 where they share a target; `target`: opens what they share, once a run that is live: its
    value, plain JSON such as an address, travels to workers as `Setup.target`.
    """

    summary: str
    parts: Mapping[str, str]
    open: Callable[[Setup], Sequence[Part]]
    data: str = ""
    unrecordable: Mapping[str, str] = field(default_factory=dict)
    budget: Budget | None = None
    approvals: ApprovalSettings | None = None
    jobs: int | None = None
    target: Callable[[Setup], AbstractContextManager[Json]] | None = None
