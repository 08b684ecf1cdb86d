"""The files of a request, as the supervisor and the specialists see them: name, text, and who makes what of them."""

import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from opswright.errors import InputError
from opswright.nouns import Json

LARGEST_BYTES = 8 * 1024 * 1024  # the texts go into the journal, so that a run can be resumed

Classify = Callable[[str, str], str | None]


@dataclass(frozen=True)
class File:
    """One file of a request. `roles`: what each specialist's `classify` says it is (`{"policy": "spec"}`)."""

    name: str
    text: str = field(repr=False)
    roles: Mapping[str, str] = field(default_factory=dict)

    def role(self, specialist: str) -> str | None:
        """Its role for a specialist; None when it is none of its files."""
        return self.roles.get(specialist)

    def as_json(self) -> dict[str, Json]:
        """Plain JSON values, for the journal."""
        return {**asdict(self), "roles": dict(self.roles)}


def read_files(paths: Sequence[Path]) -> tuple[File, ...]:
    """The files' texts. Raises InputError: missing, no regular file, too large, not UTF-8."""
    return tuple(File(str(path), _read(path)) for path in paths)


def classified(files: Sequence[File], classifiers: Mapping[str, Classify]) -> tuple[File, ...]:
    """The files with the role that each specialist gives them."""
    return tuple(
        replace(file, roles={name: role for name, one in classifiers.items() if (role := one(file.name, file.text))})
        for file in files
    )


def _read(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError("is not a regular file", str(path))
        if status.st_size > LARGEST_BYTES:
            raise InputError(
                f"is larger than {LARGEST_BYTES // 2**20} MiB, the most a request takes; use the specialist's command",
                str(path),
            )
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", str(path)) from error
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start})", str(path)) from error
