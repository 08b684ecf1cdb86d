"""Where benchmark data lies, and how it is read. The data is never part of the project."""

import json
from pathlib import Path

from opswright.errors import InputError
from opswright.nouns import Json

VARIABLE = "OPSWRIGHT_DATA"
SIBLING = Path("../shared/data")


def data_folder(option: Path | None, environment: dict[str, str], start: Path) -> Path:
    """The data folder: the option, else the environment variable, else `../shared/data` beside the checkout.

    Raises InputError that says what to set when none of them is a folder.
    """
    named = option or (Path(environment[VARIABLE]) if environment.get(VARIABLE) else None)
    if named is not None:
        if not named.is_dir():
            raise InputError(f"no such data folder; give one with --data DIR or set {VARIABLE}", str(named))
        return named.resolve()
    found = (start / SIBLING).resolve()
    if not found.is_dir():
        raise InputError(f"the benchmark's data folder is missing: give it with --data DIR or set {VARIABLE}=DIR")
    return found


def read_list(folder: Path, name: str) -> list[Json]:
    """A JSON list of the folder. Raises InputError naming the file when it is missing or is not one."""
    path = folder / name
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"missing from the data folder; --data DIR or {VARIABLE} names another", str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", str(path)) from None
    except json.JSONDecodeError as error:
        raise InputError(error.msg, f"{path}:{error.lineno}:{error.colno}") from None
    if not isinstance(value, list):
        raise InputError("not a JSON list", str(path))
    return value
