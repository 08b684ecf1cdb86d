"""What a run was made of, in short names: rows of different code, data or cases are never mixed."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from opswright.nouns import Json, canonical_json

_CODE = (".py", ".md", ".toml")  # prompts and manifests decide as much as code does
_LENGTH = 12


@dataclass(frozen=True)
class Fingerprint:
    """Computes the names wherever it is called: on workers they must be the same as here.

    `data`: the suite's folder of data, `cases`: its folder of cases, `recordings`: what is replayed; each None where
    there is none, or where it does not matter.
    """

    plugins: tuple[Path, ...] = ()
    data: Path | None = None
    cases: Path | None = None
    recordings: Path | None = None

    def __call__(self) -> dict[str, Json]:
        """`code`, and the others where there are any."""
        found: dict[str, Json] = {"code": _loaded_code(self.plugins)}
        if self.data is not None:
            found["data"] = data_digest(self.data)
        if self.cases is not None and self.cases.is_dir():
            found["cases"] = files_digest(self.cases)
        if self.recordings is not None and self.recordings.is_dir():
            found["recordings"] = files_digest(self.recordings)
        return found


@cache
def _loaded_code(plugins: tuple[Path, ...]) -> str:
    """Once a process: what a worker of some days has loaded is not what lies on the disk by now."""
    import opswright

    return code_digest(Path(opswright.__file__).parent, plugins)


def code_digest(root: Path, others: Sequence[Path] = ()) -> str:
    """A digest of every source file, prompt and manifest below `root`, through links, and below `others` (plug-ins)."""
    found = hashlib.sha256()
    for at in (root, *others):
        paths = [Path(folder, name) for folder, _, names in os.walk(at, followlinks=True) for name in names]
        _feed(found, at, (path for path in paths if path.suffix in _CODE))
    return found.hexdigest()[:_LENGTH]


def data_digest(folder: Path) -> str:
    """A digest of the data's own manifest, or of the files' names and sizes where it has none."""
    manifest = folder / "MANIFEST.json"
    if manifest.is_file():
        return hashlib.sha256(manifest.read_bytes()).hexdigest()[:_LENGTH]
    told = [[path.name, path.stat().st_size] for path in sorted(folder.glob("*.json"))]
    return hashlib.sha256(canonical_json(told).encode()).hexdigest()[:_LENGTH]


def files_digest(folder: Path) -> str:
    """A digest of every file of a folder of cases."""
    found = hashlib.sha256()
    _feed(found, folder, (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts))
    return found.hexdigest()[:_LENGTH]


def _feed(found: "hashlib._Hash", root: Path, paths: Iterable[Path]) -> None:
    for path in sorted(paths):
        found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
