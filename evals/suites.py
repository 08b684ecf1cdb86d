"""What a suite is made of: cases as data, a function that runs one, a pure function that sums the rows up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from opswright.nouns import Json


@dataclass(frozen=True)
class Case:
    """One piece of benchmark work. `id` is unique in its part; `data` is all that `run` needs beside the part."""

    id: str
    data: Mapping[str, Json] = field(default_factory=dict)


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
