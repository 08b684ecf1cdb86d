"""Record and replay of embeddings: vectors by the hash of model and text, in a JSON Lines file that can be committed.

The first line says what the file is; every other line is one vector. The texts are not in it, nor is the endpoint.
"""

import fcntl
import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from opswright.errors import InputError, RecordingMissing, StoreFailed
from opswright.nouns import Json, digest

WHAT = "embeddings of a model, recorded through an OpenAI-compatible endpoint by opswright"
FORMAT = 1
COMMAND = "OPSWRIGHT_RECORDING=record and an embedding endpoint"
Vector = tuple[float, ...]


def text_hash(model: str, text: str) -> str:
    """What a vector is kept under; the text is already redacted."""
    return digest({"model": model, "text": text})


class VectorRecording:
    """One file of vectors, appended to. Safe between threads and processes; a torn last line is left out."""

    def __init__(self, path: Path, command: str = COMMAND) -> None:
        self.path, self.command = path, command
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[Vector, int]] | None = None

    def replay(self, model: str, texts: Sequence[str]) -> list[tuple[Vector, int]]:
        """A vector and its tokens for each text. Raises RecordingMissing naming the command that records it."""
        with self._lock:
            if self._kept is None:
                self._kept = self._read()
            kept = self._kept
        found = [kept.get(text_hash(model, text)) for text in texts]
        missing = [text for text, one in zip(texts, found, strict=True) if one is None]
        if missing:
            raise RecordingMissing(
                f"{self.path}: {len(missing)} of {len(texts)} embeddings of {model} are not recorded, the first under "
                f"{text_hash(model, missing[0])[:12]}; record them with {self.command}"
            )
        return [one for one in found if one is not None]

    def record(self, model: str, vectors: Mapping[str, tuple[Vector, int]]) -> None:
        """Adds vectors by text, each with its tokens; one that is recorded already is replaced."""
        rows = [
            {"text": text_hash(model, text), "model": model, "vector": list(vector), "tokens": tokens}
            for text, (vector, tokens) in vectors.items()
        ]
        with self._lock:
            try:
                self._append(rows)
            except OSError as error:
                raise StoreFailed(f"{self.path}: the recording cannot be written: {error.strerror}") from error
            self._kept = None

    def _append(self, rows: Sequence[Json]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            if size == 0:
                rows = [{"what": WHAT, "format": FORMAT}, *rows]
            else:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    file.write(b"\n")  # the line that a killed writer left behind stays alone
            file.write("".join(json.dumps(row, sort_keys=True) + "\n" for row in rows).encode())
            file.flush()
            os.fsync(file.fileno())

    def _read(self) -> dict[str, tuple[Vector, int]]:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", str(self.path)) from error
        if not lines:
            return {}
        header = _object(lines[0])
        if (header.get("what"), header.get("format")) != (WHAT, FORMAT):
            raise InputError("is not a recording of this version; its first line does not say so", str(self.path))
        kept: dict[str, tuple[Vector, int]] = {}
        for line in lines[1:]:
            row = _object(line)
            if {"text", "vector", "tokens"} <= set(row):
                kept[str(row["text"])] = (tuple(float(value) for value in row["vector"]), int(row["tokens"]))
        return kept


def _object(line: str) -> dict[str, Json]:
    """The JSON object of a line; empty where it is none."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
