"""The result file: JSON Lines, a header and then one line a case, appended as cases end, so that a run can go on."""

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from opswright.errors import EnvironmentFailed, InputError, StoreFailed
from opswright.nouns import Json, canonical_json

SCHEMA = "opswright-eval/1"
# A header's keys that say what was run; where one is absent, it is the default.
CHOSEN = ("tier", "env")


@dataclass(frozen=True)
class ResultSet:
    """What a result file holds: its header, and the rows by part and case, parts and cases in the file's order."""

    path: Path
    header: Mapping[str, Json]
    rows: Mapping[str, Mapping[str, Json]]

    @property
    def suite(self) -> str:
        """Which suite it is of."""
        return str(self.header.get("suite", ""))


def read_results(path: Path) -> ResultSet:
    """Reads a result file; a last line that was cut off by a kill is left out. Raises InputError naming file:line."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", str(path)) from None
    header, lines, _ = _parse(path, content)
    if header is None:
        raise InputError("not a result file of this program: it is empty", str(path))
    rows: dict[str, dict[str, Json]] = {}
    for line in lines:
        rows.setdefault(line["part"], {})[line["case"]] = line["row"]
    return ResultSet(path, header, rows)


def suites_with_results(folder: Path) -> tuple[str, ...]:
    """The suites that have result files, by name."""
    found: set[str] = set()
    for path in folder.glob("*.jsonl"):
        with contextlib.suppress(InputError, OSError):
            found.add(str(read_header(path).get("suite", "")))
    return tuple(sorted(found - {""}))


def newest_results(folder: Path, suite: str) -> Path | None:
    """The result file of a suite that was written to last; None where there is none."""
    found: list[tuple[float, Path]] = []
    for path in folder.glob("*.jsonl"):
        with contextlib.suppress(InputError, OSError):
            if read_header(path).get("suite") == suite:
                found.append((path.stat().st_mtime, path))
    return max(found)[1] if found else None


def read_header(path: Path) -> Mapping[str, Json]:
    """The first line of a result file. Raises InputError, OSError."""
    with path.open("rb") as file:
        return _parse(path, file.readline())[0] or {}


@dataclass
class ResultFile:
    """Rows on disk by (part, case id). A run that was killed in the middle of a line loses that line and no other."""

    path: Path
    header: Mapping[str, Json]
    rows: dict[tuple[str, str], Json] = field(default_factory=dict)
    _handle: BinaryIO | None = None

    def open(self) -> None:
        """Reads what is there and opens for appending.

        Raises InputError when the file belongs to another run, EnvironmentFailed while another process writes to it.
        """
        _refuse_special(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._handle = os.fdopen(descriptor, "r+b")
            self._lock()
            whole = self._read()
            self._handle.truncate(whole)
            self._handle.seek(whole)
            if whole == 0:
                self._write({"schema": SCHEMA, **self.header})
        except OSError as error:
            self.close()
            raise StoreFailed(f"{self.path}: the result file cannot be written: {error.strerror}") from None
        except (InputError, EnvironmentFailed):
            self.close()
            raise

    def add(self, part: str, case: str, row: Json) -> None:
        """Appends one row and puts it on disk."""
        self.rows[part, case] = row
        try:
            self._write({"part": part, "case": case, "row": row})
        except OSError as error:
            raise StoreFailed(f"{self.path}: the result file cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Closes the file; the rows stay readable."""
        if self._handle is not None:
            # Every line was flushed; what is left is one that had no room, which was told and would have none again.
            with contextlib.suppress(OSError):
                self._handle.close()
            self._handle = None

    def of(self, part: str) -> dict[str, Json]:
        """The rows of one part by case id."""
        return {case: row for (name, case), row in self.rows.items() if name == part}

    def _lock(self) -> None:
        assert self._handle is not None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentFailed(f"{self.path}: another run writes to it; wait, or choose another --out") from None

    def _write(self, value: Json) -> None:
        assert self._handle is not None
        self._handle.write(canonical_json(value).encode() + b"\n")
        self._handle.flush()
        os.fsync(self._handle.fileno())

    def _read(self) -> int:
        """Loads complete lines and returns how many bytes they take."""
        assert self._handle is not None
        header, lines, whole = _parse(self.path, self._handle.read())
        if header is not None:
            self._check_header(header)
        self.rows.update({(line["part"], line["case"]): line["row"] for line in lines})
        return whole

    def _check_header(self, found: Mapping[str, Json]) -> None:
        names = (*self.header, *(name for name in CHOSEN if name in found and name not in self.header))
        differing = [name for name in names if found.get(name) != self.header.get(name)]
        if differing:
            raise InputError(
                f"belongs to a run with another {', '.join(differing)}; choose another --out or add --fresh",
                str(self.path),
            )


def _parse(path: Path, content: bytes) -> tuple[dict[str, Json] | None, list[dict[str, Json]], int]:
    """The header, the other lines, and how many bytes the complete lines take."""
    header, rows, whole = None, [], 0
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if not line.endswith(b"\n"):
            break
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise _no_line(path, number) from None
        if number == 1:
            if not isinstance(value, dict) or value.get("schema") != SCHEMA:
                raise InputError("not a result file of this program; choose another --out", str(path))
            header = value
        elif _is_row(value):
            rows.append(value)
        else:
            raise _no_line(path, number)
        whole += len(line)
    return header, rows, whole


def _is_row(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("part"), str)
        and isinstance(value.get("case"), str)
        and isinstance(value.get("row"), dict)
    )


def _no_line(path: Path, number: int) -> InputError:
    return InputError("not a line of a result file; choose another --out", f"{path}:{number}")


def write_whole(path: Path, text: str) -> None:
    """Writes a file in one step: the old one or the new one is there, never half of one; makes its folder.

    Raises InputError where something that is no file has the name, StoreFailed when it cannot be written.
    """
    _refuse_special(path)
    target = path.resolve()  # a link stays a link
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreFailed(f"{path}: cannot be written: {error.strerror}") from None


def _refuse_special(path: Path) -> None:
    """A device or a pipe must neither be replaced by a file nor be waited for."""
    if path.exists() and not path.is_file():
        raise InputError("is no regular file; name another one", str(path))
