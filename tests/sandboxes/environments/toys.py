"""Live environments for tests: one that says what it is told to, and one with a grid, noise and drift."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from opswright.errors import ToolFailed
from opswright.nouns import Json
from opswright.redaction import Redactor
from opswright.sandboxes.environments.grid import Grid
from opswright.sandboxes.environments.ports import MEASURE, Environment
from opswright.sandboxes.environments.surface import Surface
from opswright.sandboxes.environments.surface_recorder import SurfaceRecorder
from opswright.sandboxes.environments.transcript import Transcript, TranscriptRecorder

COMMAND = "opswright toy record"
GRID = Grid({"cache_mb": (1, 2, 4), "mode": ("fast", "safe")}, ("mb_s",))


@dataclass
class Shelf:
    """`put` and `get` things; `gives` answers what a test scripts. `closed` counts."""

    name: str = "shelf"
    things: dict[str, Json] = field(default_factory=dict)
    gives: Callable[[str, Mapping[str, Json]], Json] | None = None
    calls: int = 0
    closed: int = 0

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        self.calls += 1
        if self.gives is not None:
            return self.gives(operation, arguments)
        if operation == "put":
            self.things[arguments["key"]] = deepcopy(arguments["value"])
            return {"size": len(self.things)}
        if operation == "get":
            if arguments["key"] not in self.things:
                raise ToolFailed(f"there is no {arguments['key']}")
            return deepcopy(self.things[arguments["key"]])
        raise ToolFailed(f"a shelf does not know {operation}")

    def close(self) -> None:
        self.closed += 1


@dataclass
class Bench:
    """Measures: the configuration's own speed, a drift that grows with every call, a little noise.

    `die_at`: the number of the call at which the process is interrupted; `fails`: a configuration that cannot run.
    """

    name: str = "bench"
    drift: float = 0.0
    noise: float = 0.1
    die_at: int | None = None
    fails: Mapping[str, Json] | None = None
    calls: int = 0
    closed: int = 0
    dice: Random = field(default_factory=lambda: Random(7))

    def grid(self) -> Grid:
        return GRID

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        if self.die_at == self.calls:
            raise KeyboardInterrupt
        self.calls += 1
        if operation != MEASURE:
            raise ToolFailed(f"a bench does not know {operation}")
        configuration = GRID.checked(arguments["configuration"])
        if configuration == self.fails:
            raise ToolFailed("it does not start")
        speed = 10.0 * float(configuration["cache_mb"]) + (1.0 if configuration["mode"] == "fast" else 0.0)
        return {"mb_s": speed + self.drift * self.calls + self.noise * self.dice.random()}

    def close(self) -> None:
        self.closed += 1


def recording(path: Path, live: Environment, **options: Any) -> TranscriptRecorder:
    """A transcript that is being recorded."""
    return TranscriptRecorder(path, live, name=live.name, command=COMMAND, redactor=Redactor(), **options)


def replay(path: Path, name: str = "shelf") -> Transcript:
    """A transcript that is played back."""
    return Transcript(path, name=name, redactor=Redactor())


def sampling(path: Path, live: Bench) -> SurfaceRecorder:
    """A surface that is being recorded."""
    return SurfaceRecorder(path, live, name=live.name, command=COMMAND, redactor=Redactor())


def surface(path: Path, seed: int = 0) -> Surface:
    """A surface that is played back."""
    return Surface(path, name="bench", seed=seed)
