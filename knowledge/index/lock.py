"""One lock of an index for all processes: many read, or one writes."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from opswright.errors import StoreFailed

LONGEST_WAIT_S = 900.0  # an index of 100,000 passages is made again in less


class IndexLock:
    """flock on a file: the kernel lets go of it when its holder dies, however it dies."""

    def __init__(self, path: Path, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        self._path, self._longest_wait_s = path, longest_wait_s

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """While nobody writes. Raises StoreFailed when somebody writes for too long."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """While nobody else reads or writes. Not to be asked for within `reading`."""
        with self._held(fcntl.LOCK_EX):
            yield

    @contextlib.contextmanager
    def _held(self, kind: int) -> Iterator[None]:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait(descriptor, kind)
            yield
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int, kind: int) -> None:
        give_up = time.monotonic() + self._longest_wait_s
        pause = 0.002
        while True:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise StoreFailed(
                        f"{self._path}: another process works on the index for more than {self._longest_wait_s:g} s; "
                        "try again when it is free"
                    ) from None
            time.sleep(pause)
            pause = min(0.1, pause * 1.5)
