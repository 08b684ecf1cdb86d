"""A transcript: a strict sequence of calls with what each gave, recorded once and played back exactly.

The recorder hands on what it writes: redacted, and with JSON's own types, so that whoever is recorded sees the same as
in a replay. A transcript appears under its name when its recording is closed; one that was killed leaves the old one.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import opswright
from opswright import errors
from opswright.errors import EnvironmentFailed, InputError, RecordingMissing, StoreFailed, ToolFailed
from opswright.nouns import Json, canonical_json
from opswright.redaction import Redactor
from opswright.sandboxes.environments.lines import Lines, Writer, header_of, plain, read_lines
from opswright.sandboxes.environments.ports import Environment

KIND_OF_FILE = "transcript"
SHOWN = 160  # characters of a call in a message


class TranscriptRecorder:
    """Wraps a live environment and writes down what happens, a call at a time."""

    def __init__(
        self,
        path: Path,
        live: Environment,
        *,
        name: str,
        description: str = "",
        command: str,
        redactor: Redactor,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self._path, self._live, self._redactor = path, live, redactor
        self._part = path.with_name(f"{path.name}.part")
        self._lock, self._calls, self._closed = threading.Lock(), 0, False
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock()))
        about = {"environment": name, "description": redactor.text(description), "recorded": date, "command": command}
        self._writer = Writer(self._part, header_of(KIND_OF_FILE, {**about, "program": opswright.__version__}))

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        """The live call, written down before it returns; a failure is written down too and raised again."""
        what = f"{self.name}: {operation}"
        asked = plain(dict(arguments), f"{what}'s arguments")
        row = {"operation": self._redactor.text(operation), "arguments": self._redactor.value(asked)}
        with self._lock:
            try:
                result = self._redactor.value(plain(self._live.call(operation, asked), f"what {what} gave"))
            except (ToolFailed, EnvironmentFailed) as error:
                said = self._redactor.text(str(error))
                self._add({**row, "error": {"kind": type(error).__name__, "message": said}})
                raise type(error)(said) from error
            self._add({**row, "result": result})
            return result

    def close(self) -> None:
        """Ends the transcript and puts it in the place of an earlier one; closes the live environment."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                self._writer.add({"end": self._calls})
                self._part.replace(self._path)
            except OSError as error:
                raise StoreFailed(f"{self._path}: the recording cannot be written: {error.strerror}") from error
            finally:
                self._writer.close()
                self._live.close()

    def _add(self, row: Mapping[str, Json]) -> None:
        if self._closed:
            raise EnvironmentFailed(f"{self.name}: its recording is closed already")
        self._writer.add(row)
        self._calls += 1


class Transcript:
    """Plays a transcript back: every call must be the next one of it, and every call of it must come."""

    def __init__(self, path: Path, *, name: str, redactor: Redactor) -> None:
        self.name, self._path, self._redactor = name, path, redactor
        lines = read_lines(path, KIND_OF_FILE)
        self.header = lines.header
        self._command = str(lines.header.get("command", ""))
        self._rows = _calls(lines, name, path, self._command)
        self._lock, self._next, self._failed = threading.Lock(), 0, ""

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        """What the recorded call gave, or raises what it raised. Raises RecordingMissing when another one was next."""
        said = self._redactor.value(plain(dict(arguments), "the arguments"))
        came = {"operation": self._redactor.text(operation), "arguments": said}
        with self._lock:
            if self._failed:
                raise self._missing(f"nothing is played back after call {self._next + 1} ({self._failed})")
            if self._next == len(self._rows):
                self._failed = "there is no further one"
                raise self._missing(f"all {len(self._rows)} recorded calls were made, and {_shown(came)} came")
            row = self._rows[self._next]
            if canonical_json(came) != canonical_json({name: row[name] for name in came}):
                self._failed = "another one came"
                place = f"call {self._next + 1} of {len(self._rows)}"
                raise self._missing(f"{place} was recorded as {_shown(row)}, and {_shown(came)} came")
            self._next += 1
        if "error" in row:
            raise _error(row["error"])
        return json.loads(json.dumps(row["result"]))  # the caller's own copy

    def close(self) -> None:
        """Raises RecordingMissing, once, when recorded calls were left over."""
        with self._lock:
            if self._failed or self._next == len(self._rows):
                return
            self._failed = "it was closed"
            left, row = len(self._rows) - self._next, self._rows[self._next]
            raise self._missing(f"{left} of {len(self._rows)} recorded calls were not made, the first {_shown(row)}")

    def _missing(self, problem: str) -> RecordingMissing:
        return RecordingMissing(f"{self._path}: {problem}; record it with {self._command}")


def _calls(lines: Lines, name: str, path: Path, command: str) -> tuple[dict[str, Json], ...]:
    """The rows but the last, which says how many there are."""
    if lines.header.get("environment") != name:
        raise InputError(f"is a recording of {lines.header.get('environment')}, not of {name}", str(path))
    if not lines.rows or "end" not in lines.rows[-1]:
        raise RecordingMissing(f"{path}: its recording was not finished; record it with {command}")
    for number, row in enumerate(lines.rows[:-1], 2):
        if not {"operation", "arguments"} <= set(row) or not ("result" in row) ^ ("error" in row):
            raise InputError("is not a call", f"{path}:{number}")
    if lines.rows[-1]["end"] != len(lines.rows) - 1:
        raise InputError("does not end with the number of its calls", str(path))
    return lines.rows[:-1]


def _shown(row: Mapping[str, Json]) -> str:
    text = f"{row['operation']} {json.dumps(row['arguments'], sort_keys=True)}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _error(said: Mapping[str, Json]) -> Exception:
    """The error as it was raised; a kind that this program does not know is what it was derived from at the least."""
    kind = getattr(errors, str(said["kind"]), EnvironmentFailed)
    if not (isinstance(kind, type) and issubclass(kind, ToolFailed | EnvironmentFailed)):
        kind = EnvironmentFailed
    return kind(said["message"])
