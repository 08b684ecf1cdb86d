"""The files of a request, as the supervisor and the specialists see them: name, text, and who makes what of them.

A text of ordinary size goes into the journal, so that a run can be resumed as it was begun. What is larger, what is no
text, folders and the files of specialists that say `by_reference` are handed on by reference: where they are, how
large, and a mark by which a change is noticed. Nothing of their content goes into the journal.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from opswright.errors import InputError
from opswright.nouns import Json

LARGEST_BYTES = 8 * 1024 * 1024  # the most of a text that goes into the journal
SAMPLE_BYTES = 64 * 1024  # what is looked at of a file by reference, at each of its ends
LISTED = 1000  # the most names that are looked at of a folder

Classify = Callable[[str, str], str | None]


@dataclass(frozen=True)
class Reference:
    """A file or folder that stays where it is. `why` it does, empty where it is a text of ordinary size that is not to
    be stored; `mark`: a digest of its content's ends.
    """

    path: str
    kind: str  # file | folder
    size_bytes: int
    mark: str
    why: str

    def check(self) -> Path:
        """The path. Raises InputError when what is there is not what was given."""
        now = _reference(Path(self.path), self.why, Path(self.path).is_dir())[0]
        if now != self:
            raise InputError("was changed since it was given; start again with it as it is now", self.path)
        return Path(self.path)

    def beginning(self) -> str:
        """What stands at its beginning now, to tell what it is. Whoever works on the content calls `check` first.

        Raises InputError when it cannot be read or is of another kind.
        """
        path = Path(self.path)
        if path.is_dir() != (self.kind == "folder"):
            raise InputError(f"is no {self.kind} any more, or not there", self.path)
        return _reference(path, self.why, path.is_dir())[1]


@dataclass(frozen=True)
class File:
    """One file of a request. `roles`: what each specialist's `classify` says it is (`{"policy": "spec"}`).

    `text` is the whole text, or with a `reference` its beginning (a folder's: its first names, a line each). `place`:
    where it was read, empty where it was not.
    """

    name: str
    text: str = field(repr=False)
    roles: Mapping[str, str] = field(default_factory=dict)
    reference: Reference | None = None
    place: str = field(default="", compare=False, repr=False)

    def role(self, specialist: str) -> str | None:
        """Its role for a specialist; None when it is none of its files."""
        return self.roles.get(specialist)

    def whole_text(self) -> str:
        """The text, of a reference read again. Raises InputError where a reference says why not: too large, no UTF-8
        text, a folder; and where it was changed since.

        Whoever puts it into a task's inputs stores it.
        """
        if self.reference is None:
            return self.text
        if self.reference.why:
            raise InputError(self.reference.why, self.name)
        try:
            return self.reference.check().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read any more ({error})", self.name) from error

    def by_reference(self) -> "File":
        """The same, without its text being stored. Raises InputError for what was read from no file."""
        if self.reference is not None:
            return self
        if not self.place:
            raise InputError("is never stored, so it must be given as a file (--file), not piped in", self.name)
        return replace(_by_reference(Path(self.place), ""), name=self.name, roles=self.roles)

    def as_json(self) -> dict[str, Json]:
        """Plain JSON values, for the journal; of what is by reference no content."""
        values = {**asdict(self), "roles": dict(self.roles)}
        del values["place"]
        if self.reference is not None:
            del values["text"]
        return values


def read_file(payload: Mapping[str, Json]) -> File:
    """A file from its JSON form, without roles. Raises InputError for a reference to what is not there any more."""
    if not payload.get("reference"):
        return File(payload["name"], payload["text"])
    reference = Reference(**payload["reference"])
    return File(payload["name"], reference.beginning(), {}, reference)


def read_files(paths: Sequence[Path]) -> tuple[File, ...]:
    """The files. Raises InputError: missing, not permitted, neither a regular file nor a folder."""
    return tuple(_read(path) for path in paths)


def classified(files: Sequence[File], classifiers: Mapping[str, Classify]) -> tuple[File, ...]:
    """The files with the role that each specialist gives them."""
    return tuple(
        replace(file, roles={name: role for name, one in classifiers.items() if (role := one(file.name, file.text))})
        for file in files
    )


def _read(path: Path) -> File:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return _by_reference(path, "is a folder, not a regular file", folder=True)
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is not a regular file", str(path))
        if status.st_size > LARGEST_BYTES:
            limit = f"is larger than {LARGEST_BYTES // 2**20} MiB, the most a text in a request may be"
            return _by_reference(path, limit)
        return File(str(path), path.read_bytes().decode("utf-8"), place=str(path.absolute()))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", str(path)) from error
    except UnicodeDecodeError as error:
        return _by_reference(path, f"is not UTF-8 text (byte {error.start})")


def _by_reference(path: Path, why: str, folder: bool = False) -> File:
    reference, sample = _reference(path, why, folder)
    return File(str(path), sample, reference=reference, place=str(path.absolute()))


def _reference(path: Path, why: str, folder: bool) -> tuple[Reference, str]:
    try:
        seen, size = _folder(path) if folder else _ends(path)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", str(path)) from error
    mark = hashlib.sha256(b"%d\0%s" % (size, seen)).hexdigest()
    sample = seen[:SAMPLE_BYTES].decode("utf-8", "replace")
    return Reference(str(path.absolute()), "folder" if folder else "file", size, mark, why), sample


def _ends(path: Path) -> tuple[bytes, int]:
    """Both ends of a file and its size: a log of ten gigabytes is not read to be handed on."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(SAMPLE_BYTES)
        file.seek(max(len(first), size - SAMPLE_BYTES))
        return first + file.read(SAMPLE_BYTES), size


def _folder(path: Path) -> tuple[bytes, int]:
    """The names in a folder, sorted, and how many there are."""
    names = sorted(os.listdir(path))  # noqa: PTH208 - names alone, not paths
    return "\n".join(names[:LISTED]).encode("utf-8", "surrogateescape"), len(names)
