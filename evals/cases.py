"""Cases as data: a folder for each with a `case.toml`, or a line for each in a JSON Lines file."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from opswright.errors import InputError
from opswright.evals.suites import Case
from opswright.nouns import Json

CASE = "case.toml"
_ID = re.compile(r"(?=.{1,120}\Z)[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


def read_cases(source: Path) -> list[Case]:
    """The cases of a folder (its sub-folders with a `case.toml`, by name) or of a JSON Lines file (in its order).

    A folder's data are the TOML's values; a line is an object with an `id`, the rest of it is the data. Raises
    InputError with the file, and the line where there is one.
    """
    if source.suffix == ".jsonl":
        return list(_of_lines(source))
    if not source.is_dir():
        raise InputError("there are no cases: no such folder", str(source))
    found = [_of_folder(path.parent) for path in sorted(source.glob(f"*/{CASE}"))]
    if not found:
        raise InputError(f"there are no cases: no folder in it has a {CASE}", str(source))
    return found


def _of_folder(folder: Path) -> Case:
    path = folder / CASE
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # broken TOML and no UTF-8 are ValueErrors
        raise InputError(f"is no case: {error}", str(path)) from None
    if not _ID.fullmatch(folder.name):
        raise InputError("a case's folder is named with letters, digits, '.', '_' and '-'", str(folder))
    _check_plain(data, path)
    return Case(folder.name, data, folder)


def _check_plain(value: Json, path: Path) -> None:
    """TOML has dates, infinities and NaN, which JSON has not: a row and its digest could not hold them."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"holds what JSON cannot ({error}); write it as a text", str(path)) from None


def _of_lines(path: Path) -> Iterator[Case]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")  # splitlines would also split at U+2028 inside a text
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise InputError(f"there are no cases: {reason}", str(path)) from None
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        case = _of_line(line, f"{path}:{number}")
        if case.id in seen:
            raise InputError(f"case {case.id} is on line {seen[case.id]} already", f"{path}:{number}")
        seen[case.id] = number
        yield case
    if not seen:
        raise InputError("there are no cases: the file is empty", str(path))


def _of_line(line: str, where: str) -> Case:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON: {error}", where) from None
    id = value.get("id") if isinstance(value, Mapping) else None
    if not isinstance(id, str) or not _ID.fullmatch(id):
        raise InputError('a case is an object with an "id" of letters, digits, ".", "_", "-" and "/"', where)
    return Case(id, {key: one for key, one in value.items() if key != "id"})
