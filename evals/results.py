"""The result file: JSON Lines, a header and then one line a case, appended as cases end, so that a run can go on."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from opswright.errors import InputError, StoreFailed
from opswright.nouns import Json, canonical_json

SCHEMA = "opswright-eval/1"


@dataclass
class ResultFile:
    """Rows on disk by (part, case id). A run that was killed in the middle of a line loses that line and no other."""

    path: Path
    header: Mapping[str, Json]
    rows: dict[tuple[str, str], Json] = field(default_factory=dict)
    _handle: BinaryIO | None = None

    def open(self) -> None:
        """Reads what is there and opens for appending. Raises InputError when the file belongs to another run."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            whole = self._read()
            self._handle = self.path.open("r+b" if self.path.exists() else "w+b")
            self._handle.truncate(whole)
            self._handle.seek(whole)
            if whole == 0:
                self._write({"schema": SCHEMA, **self.header})
        except OSError as error:
            raise StoreFailed(f"{self.path}: the result file cannot be written: {error.strerror}") from None

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
            self._handle.close()
            self._handle = None

    def of(self, part: str) -> dict[str, Json]:
        """The rows of one part by case id."""
        return {case: row for (name, case), row in self.rows.items() if name == part}

    def _write(self, value: Json) -> None:
        assert self._handle is not None
        self._handle.write(canonical_json(value).encode() + b"\n")
        self._handle.flush()
        os.fsync(self._handle.fileno())

    def _read(self) -> int:
        """Loads complete lines and returns how many bytes they take."""
        if not self.path.exists():
            return 0
        whole = 0
        for number, line in enumerate(self.path.read_bytes().splitlines(keepends=True), 1):
            if not line.endswith(b"\n"):
                break
            try:
                value = json.loads(line)
            except ValueError:
                raise InputError("not a line of a result file; choose another --out", f"{self.path}:{number}") from None
            if number == 1:
                self._check_header(value)
            else:
                self.rows[value["part"], value["case"]] = value["row"]
            whole += len(line)
        return whole

    def _check_header(self, found: Json) -> None:
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            raise InputError("not a result file of this program; choose another --out", str(self.path))
        differing = [name for name, value in self.header.items() if found.get(name) != value]
        if differing:
            raise InputError(
                f"belongs to a run with another {', '.join(differing)}; choose another --out or add --fresh",
                str(self.path),
            )


def code_digest(root: Path) -> str:
    """A digest of every source file below `root`, through links: rows of different code are never mixed."""
    found = hashlib.sha256()
    paths = [Path(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names]
    for path in sorted(path for path in paths if path.suffix == ".py"):
        found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:12]


def data_digest(folder: Path) -> str:
    """A digest of the data's own manifest, or of the files' names and sizes where it has none."""
    manifest = folder / "MANIFEST.json"
    if manifest.is_file():
        return hashlib.sha256(manifest.read_bytes()).hexdigest()[:12]
    told = [[path.name, path.stat().st_size] for path in sorted(folder.glob("*.json"))]
    return hashlib.sha256(canonical_json(told).encode()).hexdigest()[:12]


def write_whole(path: Path, text: str) -> None:
    """Writes a file in one step: the old one or the new one is there, never half of one."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StoreFailed(f"{path}: cannot be written: {error.strerror}") from None
