"""Records a surface: sample by sample, a block at a time, going on where an earlier recording was killed."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import opswright
from opswright.errors import EnvironmentFailed, InputError, ToolFailed
from opswright.nouns import Json, digest
from opswright.redaction import Redactor
from opswright.sandboxes.environments.grid import Configuration, Grid, key_of
from opswright.sandboxes.environments.lines import Lines, Writer, header_of, plain, read_lines
from opswright.sandboxes.environments.ports import MEASURE, Gridded
from opswright.sandboxes.environments.samples import KIND_OF_FILE, Sample, asked, given, samples_of


class SurfaceRecorder:
    """Wraps a live environment with a grid and adds every sample to a file; one that is there already goes on."""

    def __init__(
        self,
        path: Path,
        live: Gridded,
        *,
        name: str,
        description: str = "",
        command: str,
        redactor: Redactor,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self._live, self._redactor, self._clock = name, live, redactor, clock
        self._grid, self._closed, self._lock = live.grid(), False, threading.Lock()
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock()))
        about: dict[str, Json] = {"environment": name, "recorded": date, "command": command}
        about["description"] = redactor.text(description)
        about |= {"grid": self._grid.as_json(), "program": opswright.__version__}
        if redactor.value(about["grid"]) != about["grid"]:  # its values are what samplers ask for; they cannot be cut
            raise InputError("holds what looks like a secret, and its values stand in the recording", f"grid of {name}")
        kept = _kept(path, name, self._grid)
        self.samples = [] if kept is None else samples_of(kept, path)
        self._session = 1 + max((sample.session for sample in self.samples), default=0)
        self._writer = Writer(path, header_of(KIND_OF_FILE, about), kept)

    def grid(self) -> Grid:
        """The live environment's."""
        return self._grid

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        """`measure` adds a sample. Raises ToolFailed for anything else, and off the grid."""
        configuration, block, _ = asked(self.name, self._grid, operation, arguments)
        with self._lock:
            if self._closed:
                raise EnvironmentFailed(f"{self.name}: its recording is closed already")
            sample = self._measured(configuration, block, arguments)
            self._writer.add(sample.row())
            self.samples.append(sample)
        return given(sample)

    def _measured(self, configuration: Configuration, block: str, arguments: Mapping[str, Json]) -> Sample:
        began, values, failed = self._clock(), {}, ""
        try:
            values = _numbers(self._live.call(MEASURE, {**arguments, "configuration": configuration}), self)
        except ToolFailed as error:
            failed = self._redactor.text(str(error)) or "it failed"
        return Sample(configuration, values, block, self._session, began, self._clock() - began, failed)

    def close(self) -> None:
        """Lets go of the file and of the live environment."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._writer.close()
                self._live.close()


def record_surface(
    recorder: SurfaceRecorder,
    blocks: int,
    *,
    repeats: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Measures what is missing of `blocks` blocks, each with `repeats` samples of every configuration.

    The order within a block is drawn by `seed`. Whatever ends it, the next call goes on with the next sample. Raises
    what the live environment raises but ToolFailed, which is a sample.
    """
    points = recorder.grid().points()
    done = Counter((sample.block, key_of(sample.configuration)) for sample in recorder.samples)
    plan = [
        (str(block), point)
        for block in range(1, blocks + 1)
        for repeat in range(repeats)
        for point in sorted(points, key=lambda one: digest([seed, block, repeat, key_of(one)]))
    ]
    for at, (block, point) in enumerate(plan):
        progress(at, len(plan))
        if done[block, key_of(point)] > 0:
            done[block, key_of(point)] -= 1
            continue
        try:
            recorder.call(MEASURE, {"configuration": point, "block": block})
        except ToolFailed:
            continue  # how this configuration behaves
    progress(len(plan), len(plan))


def _kept(path: Path, name: str, grid: Grid) -> Lines | None:
    try:
        kept = read_lines(path, KIND_OF_FILE)
    except FileNotFoundError:
        return None
    if kept.header.get("environment") != name:
        raise InputError(f"is a recording of {kept.header.get('environment')}, not of {name}", str(path))
    if kept.header.get("grid") != grid.as_json():
        raise InputError("has another grid; record into another file", str(path))
    return kept


def _numbers(given: Json, recorder: SurfaceRecorder) -> dict[str, float]:
    values = plain(given, f"what {recorder.name} measured")
    names = sorted(recorder.grid().measurements)
    if not isinstance(values, dict) or sorted(values) != names:
        raise EnvironmentFailed(f"{recorder.name}: it must measure exactly {', '.join(names)}")
    odd = [name for name, value in values.items() if isinstance(value, bool) or not isinstance(value, int | float)]
    if odd or not all(math.isfinite(value) for value in values.values()):
        raise EnvironmentFailed(f"{recorder.name}: it must measure finite numbers")
    return {name: float(value) for name, value in values.items()}
