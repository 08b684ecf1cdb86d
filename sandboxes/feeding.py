"""A command's input that may be a file of ours, and its output that may go into one, neither ever whole in memory."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from opswright.errors import EnvironmentFailed, InputError

CHUNK = 65536


class Source:
    """A command's input, a piece at a time; owns the file. `size`: its length, a file's as it is now.

    Raises InputError for what is no file that can be read.
    """

    def __init__(self, given: bytes | Path) -> None:
        self._file = -1
        self._path = given if isinstance(given, Path) else None
        self._piece = memoryview(b"" if isinstance(given, Path) else given)
        self.size = len(self._piece)
        if isinstance(given, Path):
            self.size = self._opened(given)
        self.left = self.size

    def put_before(self, text: bytes) -> None:
        """Has this sent first; before anything was taken."""
        whole = memoryview(text if self._path else text + bytes(self._piece))
        self._piece, self.left = whole, self.left + len(text)

    def piece(self) -> memoryview:
        """What is to be sent next, empty at the end. Raises InputError for a file that has become shorter."""
        if not self._piece and self.left:
            read = os.read(self._file, min(CHUNK, self.left))
            if not read:
                raise InputError("it became shorter while it was given to a command", str(self._path))
            self._piece = memoryview(read)
        return self._piece[:CHUNK]

    def took(self, count: int) -> None:
        """So much of the piece was sent."""
        self._piece = self._piece[count:]
        self.left -= count

    def stop(self) -> None:
        """Nobody reads any more."""
        self._piece, self.left = self._piece[:0], 0

    def close(self) -> None:
        """Closes the file; idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _opened(self, path: Path) -> int:
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except (OSError, ValueError) as error:
            raise InputError(f"it cannot be read: {getattr(error, 'strerror', error)}", str(path)) from None
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            self.close()
            raise InputError("it is no ordinary file", str(path))
        return found.st_size


@contextlib.contextmanager
def written_to(path: Path | None) -> Iterator[int | None]:
    """The file that an output goes into, made anew and for its owner alone. Raises InputError where it cannot be."""
    if path is None:
        yield None
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except (OSError, ValueError) as error:
        raise InputError(f"it cannot be written: {getattr(error, 'strerror', error)}", str(path)) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def put(descriptor: int, text: bytes | memoryview) -> None:
    """Writes all of it. Raises EnvironmentFailed where there is no room."""
    view = memoryview(text)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise EnvironmentFailed(f"a command's output cannot be kept: {error.strerror}") from error
