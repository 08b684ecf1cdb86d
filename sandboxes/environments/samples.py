"""The samples of a surface, what may be asked of one, and which of its blocks hold together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opswright.errors import InputError, ToolFailed
from opswright.nouns import Json
from opswright.sandboxes.environments.grid import Configuration, Grid, key_of
from opswright.sandboxes.environments.lines import Lines
from opswright.sandboxes.environments.ports import MEASURE

KIND_OF_FILE = "surface"


@dataclass(frozen=True)
class Sample:
    """One measurement: its values, or the failure it ended with. `at`: seconds since the epoch, when it began;
    `seconds`: how long it took; `session`: which opening of the recording took it.
    """

    configuration: Configuration
    values: Mapping[str, float]
    block: str
    session: int
    at: float
    seconds: float
    failed: str = ""

    def row(self) -> dict[str, Json]:
        """A line of the file."""
        told: dict[str, Json] = {"configuration": dict(self.configuration), "block": self.block}
        told |= {"session": self.session, "at": round(self.at, 3), "seconds": round(self.seconds, 6)}
        return told | ({"failed": self.failed} if self.failed else {"values": dict(self.values)})

    @staticmethod
    def of(row: Mapping[str, Json], where: str) -> "Sample":
        """Raises InputError for what is no sample."""
        try:
            failed = str(row.get("failed", ""))
            values = {} if failed else {str(name): float(value) for name, value in row["values"].items()}
            session, at, seconds = int(row["session"]), float(row["at"]), float(row["seconds"])
            return Sample(dict(row["configuration"]), values, str(row["block"]), session, at, seconds, failed)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("is not a sample", where) from error


def samples_of(lines: Lines, path: Path) -> list[Sample]:
    """The samples of a file, oldest first."""
    return [Sample.of(row, f"{path}:{number}") for number, row in enumerate(lines.rows, 2)]


def unbroken_blocks(samples: Sequence[Sample], grid: Grid) -> tuple[Mapping[str, Sequence[Sample]], ...]:
    """The blocks that hold every configuration, the same number of times each, measured in one session."""
    found: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        if sample.block:
            found[sample.block][key_of(sample.configuration)].append(sample)
    keys = {key_of(point) for point in grid.points()}
    whole = []
    for block in found.values():
        sessions = {sample.session for several in block.values() for sample in several}
        if set(block) == keys and len(sessions) == 1 and len({len(several) for several in block.values()}) == 1:
            whole.append({key: tuple(several) for key, several in block.items()})
    return tuple(whole)


def last_session(samples: Sequence[Sample], block: str, key: str) -> tuple[Sample, ...]:
    """What was measured at a configuration under a block's name the last time that name was used."""
    session = max((sample.session for sample in samples if sample.block == block), default=0)
    return tuple(
        sample
        for sample in samples
        if (sample.block, sample.session) == (block, session) and key_of(sample.configuration) == key
    )


def asked(
    name: str, grid: Grid, operation: str, arguments: Mapping[str, Json]
) -> tuple[Configuration, str, int | None]:
    """Configuration, block (or empty) and repeat of a call. Raises ToolFailed for anything else."""
    if operation != MEASURE:
        raise ToolFailed(f"{name}: a surface only answers {MEASURE}, not {operation[:60]}")
    unknown = sorted(set(arguments) - {"configuration", "block", "repeat"})
    configuration, block, repeat = (arguments.get(key) for key in ("configuration", "block", "repeat"))
    if unknown or not isinstance(configuration, Mapping) or not isinstance(block, str | None):
        raise ToolFailed(f"{name}: {MEASURE} takes configuration (an object), block (a text) and repeat")
    if not (repeat is None or (isinstance(repeat, int) and not isinstance(repeat, bool) and repeat >= 0)):
        raise ToolFailed(f"{name}: repeat is a number from 0")
    return grid.checked(configuration), block or "", repeat


def given(sample: Sample) -> Json:
    """What a call gives of a sample, or the ToolFailed that it ended with."""
    if sample.failed:
        raise ToolFailed(sample.failed)
    return dict(sample.values)
