"""The files of a session: named in a request as @PATH or by /file, and read afresh at every turn."""

import re
from collections.abc import Sequence
from pathlib import Path

from opswright.agents.files import File, read_files
from opswright.errors import InputError
from opswright.nouns import digest

_NAMED = re.compile(r"(?<!\S)@(\"[^\"\n]+\"|(?:\\ |\S)+)")  # a name with a space: quoted, or with a backslash before it
_TRAILING = ".,;:!?)'\""
MOST = 50


def named_in(request: str) -> tuple[str, list[str]]:
    """The request with `@PATH` as the bare path, and the paths. `@word` that is no file stays as it is.

    Raises InputError for what looks like a path (a slash or a dot in it) and is not there.
    """
    found: list[str] = []

    def bare(match: re.Match[str]) -> str:
        word = match[1].strip('"') if match[1].startswith('"') else match[1].replace("\\ ", " ")
        for path in (word, word.rstrip(_TRAILING)):
            if path and Path(path).expanduser().exists():
                found.append(str(Path(path).expanduser()))
                return path + word[len(path) :]
        if "/" in word or "." in word.rstrip(_TRAILING):
            raise InputError("there is no such file", word)
        return match[0]

    return _NAMED.sub(bare, request), found


def attached(names: Sequence[str], more: Sequence[str]) -> list[str]:
    """The names with more of them, each once. Raises InputError when they are too many."""
    every = list(dict.fromkeys([*names, *more]))
    if len(every) > MOST:
        raise InputError(f"no more than {MOST} files can be attached; /files clear detaches them", "/file")
    return every


def read_attached(names: Sequence[str]) -> tuple[File, ...]:
    """The files as they are now. Raises InputError naming the one that cannot be read."""
    try:
        return read_files([Path(name) for name in names])
    except InputError as error:
        raise InputError(f"{error}; /files clear detaches what is attached") from error


def marks(files: Sequence[File]) -> tuple[dict[str, str], ...]:
    """Names and digests, for the turn's record."""
    return tuple(
        {"name": file.name, "digest": file.reference.mark if file.reference else digest(file.text)} for file in files
    )
