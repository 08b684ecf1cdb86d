"""JSON Lines that carry a hash chain: a line that was altered, dropped or moved is seen when the file is read.

The first line says what the file is. Every line has `chain`, a digest over the line before and itself. A process that
dies in the middle of a line loses that line and no other.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from opswright.errors import EnvironmentFailed, InputError, StoreFailed
from opswright.nouns import Json, digest

CHAIN, WHAT, KIND, FORMAT = "chain", "what", "kind", "format"
SAID = "an environment as it answered, recorded by opswright"
VERSION = 1


@dataclass(frozen=True)
class Lines:
    """What a file holds. `rows` without the header and without their chain; `size_bytes` of whole lines."""

    header: Mapping[str, Json]
    rows: tuple[dict[str, Json], ...]
    last: str
    size_bytes: int


def header_of(kind: str, fields: Mapping[str, Json]) -> dict[str, Json]:
    """The first line of a new file."""
    return {WHAT: SAID, FORMAT: VERSION, KIND: kind, **fields}


def read_lines(path: Path, kind: str) -> Lines:
    """Reads and verifies a file; half a line at its end is left out.

    Raises InputError naming the line: no recording of this kind and version, a broken chain. FileNotFoundError passes.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", str(path)) from error
    rows: list[dict[str, Json]] = []
    chain, size = "", 0
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        row = _row(line, f"{path}:{number}")
        if number == 1:
            _check_header(row, kind, str(path))
        said = row.pop(CHAIN, None)
        chain = _next(chain, row)
        if said != chain:
            raise InputError("was changed since it was recorded, or a line before it is missing", f"{path}:{number}")
        rows.append(row)
        size += len(line) + 1
    if not rows:
        raise InputError("is empty; remove it and record again", str(path))
    return Lines(rows[0], tuple(rows[1:]), chain, size)


def _row(line: bytes, where: str) -> dict[str, Json]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError("is not a line of a recording", where) from error
    if not isinstance(row, dict):
        raise InputError("is not a line of a recording", where)
    return row


def _check_header(row: Mapping[str, Json], kind: str, where: str) -> None:
    if (row.get(WHAT), row.get(FORMAT)) != (SAID, VERSION):
        raise InputError("is not a recording of this version; its first line does not say so", where)
    if row.get(KIND) != kind:
        raise InputError(f"is a {row.get(KIND)}, not a {kind}", where)


def _next(chain: str, row: Mapping[str, Json]) -> str:
    return digest([chain, row])


class Writer:
    """Appends to one file, for one process at a time; a row that `add` returned from is on disk."""

    def __init__(self, path: Path, header: Mapping[str, Json], kept: Lines | None = None) -> None:
        """`kept`: what is there already and goes on; absent, the file begins anew."""
        self.path = path
        self._chain, self._at = ("", 0) if kept is None else (kept.last, kept.size_bytes)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreFailed(f"{path}: the recording cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, self._at)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise EnvironmentFailed(f"{path}: another process is recording into it; wait for it to end") from error
        except BaseException:
            os.close(self._descriptor)
            raise
        if kept is None:
            self.add(header)

    def add(self, row: Mapping[str, Json]) -> None:
        """Raises StoreFailed when it cannot be written; the file then ends with the row before."""
        chain = _next(self._chain, row)
        line = json.dumps({**row, CHAIN: chain}, sort_keys=True, allow_nan=False).encode() + b"\n"
        try:
            done = os.pwrite(self._descriptor, line, self._at)
            if done < len(line):
                raise OSError(28, "No space left on device")
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, self._at)
            raise StoreFailed(f"{self.path}: the recording cannot be written: {error.strerror}") from error
        self._chain, self._at = chain, self._at + len(line)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._descriptor)


def plain(value: Json, what: str) -> Json:
    """The value as a recording gives it back (a tuple is a list). Raises EnvironmentFailed for what is no JSON."""
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise EnvironmentFailed(f"{what} is not plain JSON ({error}) and cannot be recorded") from error
