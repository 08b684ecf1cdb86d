"""The lines that were typed into the chat: one file of mode 0600, each line with the session it belongs to.

Passwords are cut out of a line before it is written. Several chats may write at once.
"""

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from opswright.errors import StoreFailed
from opswright.redaction import Redactor

LOADED = 2000  # the newest lines that are offered again
LARGEST_BYTES = 4 * 1024 * 1024  # beyond it the older half of the lines goes


def add_line(path: Path, session: str, text: str) -> None:
    """Adds what was typed. Raises StoreFailed."""
    entry = json.dumps({"at": round(time.time()), "session": session, "text": Redactor().text(text)})
    with _alone(path), _plain_errors(path):
        descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"{entry}\n".encode())
            size = file.tell()
        if size > LARGEST_BYTES:
            lines = _lines(path)
            _replace(path, lines[len(lines) // 2 :])


def read_lines(path: Path) -> list[str]:
    """What was typed, newest first; a line that is not whole is left out."""
    found: dict[str, None] = {}
    for line in reversed(_lines(path)):
        if len(found) == LOADED:
            break
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found.setdefault(str(json.loads(line)["text"]))
    return list(found)


def forget_session(path: Path, session: str) -> None:
    """Takes a session's lines out; the file is replaced as a whole. Raises StoreFailed."""
    if not path.exists():
        return
    with _alone(path), _plain_errors(path):
        _replace(path, [line for line in _lines(path) if not _of(line, session)])


def _of(line: str, session: str) -> bool:
    try:
        return bool(json.loads(line)["session"] == session)
    except (ValueError, KeyError, TypeError):
        return True  # torn by a crash: nobody can say whose it was


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error


def _replace(path: Path, lines: list[str]) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".history-", delete=False) as part:
        try:
            part.write("".join(f"{line}\n" for line in lines))
            part.flush()
            os.fsync(part.fileno())
            Path(part.name).replace(path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with _plain_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}; what was typed cannot be kept there") from error
