"""Record and replay: a model's answers by question hash in a JSON Lines file that can be committed.

The first line says what the file is: whose answers, since when, to which prompts, and whether token counts are
estimates. Every other line is one answer. The text of the prompts is not in it, nor is anything of the endpoint.
"""

import contextlib
import fcntl
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from opswright.errors import InputError, RecordingMissing, StoreFailed
from opswright.nouns import Json, Tier
from opswright.settings import Deployment, ModelSettings
from opswright.tools.models.talk import Answer, Question

WHAT = "answers of a model, recorded through an OpenAI-compatible endpoint by opswright"
FORMAT = 1
COMMAND = "OPSWRIGHT_RECORDING=record and a model endpoint"


def _portable(deployment: Deployment) -> dict[str, Json]:
    """What belongs to the question, and the price; nothing of the endpoint or of this machine."""
    return deployment.model_dump(exclude={"base_url", "api_key_env"}, exclude_none=True)


class Recording:
    """One file of answers. `command` is what a miss tells the reader to run. Safe between threads and processes."""

    def __init__(self, path: Path, command: str = COMMAND, clock: Callable[[], float] = time.time) -> None:
        self.path, self.command = path, command
        self._clock, self._lock = clock, threading.Lock()
        self._entries: dict[str, dict[str, Json]] | None = None

    def replay(self, question: Question) -> Answer:
        """The recorded answer. Raises RecordingMissing naming the command that records it."""
        with self._lock:
            if self._entries is None:
                self._entries = self._read()[1]
            entry = self._entries.get(question.hash)
        if entry is None:
            raise RecordingMissing(
                f"{self.path}: no answer of {question.model} to {question.prompt} is recorded under "
                f"{question.hash[:12]}; record it with {self.command}"
            )
        return Answer.from_json(entry["answer"])

    def record(self, question: Question, answer: Answer, tier: Tier, deployment: Deployment) -> None:
        """Adds an answer, or replaces the one to the same question; the file is replaced atomically."""
        entry = {
            "question": question.hash,
            "prompt": question.prompt,
            "prompt_hash": question.prompt_hash,
            "model": question.model,
            "answer": answer.as_json(),
        }
        with self._lock, self._only_writer():
            header, entries = self._read()
            entries[question.hash] = entry
            header = header or self._header()
            every = entries.values()
            header["prompts"] = sorted({f"{one['prompt']}@{one['prompt_hash'][:12]}" for one in every})
            header["groups"] = {**header.get("groups", {}), tier.value: _portable(deployment)}
            header["token_counts"] = "estimated" if any(one["answer"]["estimated"] for one in every) else "reported"
            self._write([header, *every])
            self._entries = entries

    def header(self) -> dict[str, Json]:
        """The first line; empty for a file that is not there yet."""
        return self._read()[0]

    def models(self) -> ModelSettings:
        """Settings under which the recorded questions are asked again: the groups they were recorded with."""
        try:
            return ModelSettings.model_validate(self.header().get("groups", {}))
        except ValueError as error:
            raise InputError("names no usable model groups in its first line", str(self.path)) from error

    def _header(self) -> dict[str, Json]:
        date = time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
        return {"what": WHAT, "format": FORMAT, "recorded": date}

    def _read(self) -> tuple[dict[str, Json], dict[str, dict[str, Json]]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}, {}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", str(self.path)) from error
        lines = text.splitlines()
        try:
            header = json.loads(lines[0]) if lines else {}
            if lines and (header.get("what"), header.get("format")) != (WHAT, FORMAT):
                raise InputError("is not a recording of this version; its first line does not say so", str(self.path))
            entries = [json.loads(line) for line in lines[1:]]
            for entry in entries:
                Answer.from_json(entry["answer"])
            return header, {entry["question"]: entry for entry in entries}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"is not a whole recording: {type(error).__name__}", str(self.path)) from error

    def _write(self, rows: list[Json]) -> None:
        text = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self.path.parent, prefix=f".{self.path.name}.", delete=False
            ) as part:
                try:
                    part.write(text)
                    part.flush()
                    os.fsync(part.fileno())
                    Path(part.name).replace(self.path)
                except BaseException:
                    Path(part.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise StoreFailed(f"{self.path}: the recording cannot be written: {error.strerror}") from error

    @contextlib.contextmanager
    def _only_writer(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise StoreFailed(f"{self.path}: the recording cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
