"""A surface: repeated samples of named measurements at every configuration of a declared grid.

It is recorded sample by sample, a block at a time: one pass over the whole grid in an order of its own, so that what
drifts over the hours drifts under all configurations alike. A recording that was killed goes on where it was.

It is played back by resampling with a seed. Without a block, any recorded sample of a configuration may come, so drift
shows as noise. With a block's name, all that is measured under it comes from one recorded block, drawn with
replacement: pairs that were measured together stay together, as interleaved comparisons need, and naming many blocks is
the bootstrap over blocks. Only blocks that were recorded in one go count as such: a pause in the middle is drift, too.

What was recorded while somebody sampled, rather than block by block, has no whole block. It is good for the same
sampler again: a block's name then means what was last measured under it.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from opswright.errors import InputError, RecordingMissing, ToolFailed
from opswright.nouns import Json, digest
from opswright.sandboxes.environments.grid import Grid, key_of
from opswright.sandboxes.environments.lines import read_lines
from opswright.sandboxes.environments.samples import (
    KIND_OF_FILE,
    Sample,
    asked,
    given,
    last_session,
    samples_of,
    unbroken_blocks,
)


class Surface:
    """Plays a surface back. The same seed and the same questions give the same samples, in whatever order they come."""

    def __init__(self, path: Path, *, name: str, seed: int = 0) -> None:
        self.name, self._path, self._seed = name, path, seed
        lines = read_lines(path, KIND_OF_FILE)
        if lines.header.get("environment") != name:
            raise InputError(f"is a recording of {lines.header.get('environment')}, not of {name}", str(path))
        self.header = lines.header
        self._grid = Grid.from_json(lines.header.get("grid"), str(path))
        self.samples = tuple(samples_of(lines, path))
        self._of: dict[str, list[Sample]] = defaultdict(list)
        for sample in self.samples:
            self._of[key_of(self._grid.checked(sample.configuration))].append(sample)
        self._blocks = unbroken_blocks(self.samples, self._grid)
        self._asked: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def grid(self) -> Grid:
        """What was recorded, and all that may be asked for."""
        return self._grid

    def blocks(self) -> tuple[Mapping[str, Sequence[Sample]], ...]:
        """The blocks that were recorded in one go: samples by configuration (`key_of`), for statistics over pairs."""
        return self._blocks

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        """`measure` draws a sample. A call without `repeat` counts up.

        Raises ToolFailed off the grid, for other operations, for a sample that failed when it was recorded, and for
        more of one configuration in a block than were recorded in one; RecordingMissing for one without samples.
        """
        configuration, block, repeat = asked(self.name, self._grid, operation, arguments)
        key = key_of(configuration)
        if repeat is None:
            with self._lock:
                repeat = self._asked[block, key]
                self._asked[block, key] += 1
        return given(self._in_block(block, key, repeat) if block else self._free(key, repeat))

    def close(self) -> None:
        """Nothing is held."""

    def _free(self, key: str, repeat: int) -> Sample:
        samples = self._of.get(key, [])
        if not samples:
            raise self._missing(f"nothing was measured at {key}")
        return samples[self._draw(len(samples), "sample", key, repeat)]

    def _in_block(self, block: str, key: str, repeat: int) -> Sample:
        if self._blocks:
            samples = self._blocks[self._draw(len(self._blocks), "block", block)][key]
        else:
            samples = last_session(self.samples, block, key)
        if not samples:
            raise self._missing(f"no whole block was recorded in one go, nor {key} in a block {block[:60]!r}")
        if repeat >= len(samples):
            raise ToolFailed(
                f"{self.name}: a block was recorded with {len(samples)} samples of a configuration, and number "
                f"{repeat + 1} of {key[:200]} was asked for; take another block"
            )
        # Without replacement, in an order of the block's own: no sample counts twice as if it were two.
        order = sorted(range(len(samples)), key=lambda at: digest([self._seed, block, key, at]))
        return samples[order[repeat]]

    def _draw(self, size: int, *what: Json) -> int:
        """A number below `size`, by the seed and what it is drawn for; the same on every machine."""
        return int(digest([self._seed, *what]), 16) % size

    def _missing(self, problem: str) -> RecordingMissing:
        return RecordingMissing(f"{self._path}: {problem}; record it with {self.header.get('command', '')}")
