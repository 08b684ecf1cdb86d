"""A file that one process holds at a time; the kernel lets go of it when its holder dies."""

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from opswright.errors import EnvironmentFailed, StoreFailed
from opswright.settings import Settings

_STEP_S = 0.1  # the kernel tells nobody that a lock is free again without blocking him


def run_lock(settings: Settings, run: str) -> Path:
    """Held by the process that a run is at work in."""
    return settings.state_dir / "runs" / f"{run}.lock"


def session_lock(settings: Settings, session: str) -> Path:
    """Held by the process that a session is open in."""
    return settings.state_dir / "sessions" / f"{session}.lock"


def exclusive_locks(settings: Settings) -> Path:
    """The folder of the locks that specialists take on named things."""
    return settings.state_dir / "exclusive"


def _paused(seconds: float) -> bool:
    time.sleep(seconds)
    return False


@contextlib.contextmanager
def held(lock: Path, busy: str, wait_s: float = 0.0, halted: Callable[[float], bool] = _paused) -> Iterator[None]:
    """Raises EnvironmentFailed with `busy` while another process (or another holder in this one) has it, once that has
    gone on for `wait_s`; KeyboardInterrupt when `halted` (which waits so many seconds) says so meanwhile.
    """
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreFailed(f"{lock}: {error.strerror}") from error
    try:
        give_up = time.monotonic() + wait_s
        while not _taken(descriptor):
            left = give_up - time.monotonic()
            if left <= 0:
                raise EnvironmentFailed(busy)
            if halted(min(_STEP_S, left)):
                raise KeyboardInterrupt("the wait for a lock was stopped")
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Exclusive:
    """A lock that is taken here and kept until it is closed: for `hold`, which then keeps it for a whole task."""

    def __init__(self, lock: AbstractContextManager[None]) -> None:
        self._kept = contextlib.ExitStack()
        self._kept.enter_context(lock)

    def close(self) -> None:
        """Lets go of it; idempotent."""
        self._kept.close()
