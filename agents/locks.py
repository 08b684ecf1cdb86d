"""A file that one process holds at a time; the kernel lets go of it when its holder dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from opswright.errors import EnvironmentFailed, StoreFailed
from opswright.settings import Settings


def run_lock(settings: Settings, run: str) -> Path:
    """Held by the process that a run is at work in."""
    return settings.state_dir / "runs" / f"{run}.lock"


def session_lock(settings: Settings, session: str) -> Path:
    """Held by the process that a session is open in."""
    return settings.state_dir / "sessions" / f"{session}.lock"


@contextlib.contextmanager
def held(lock: Path, busy: str) -> Iterator[None]:
    """Raises EnvironmentFailed with `busy` while another process (or another holder in this one) has it."""
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreFailed(f"{lock}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EnvironmentFailed(busy) from error
        yield
    finally:
        os.close(descriptor)
