"""Who owns a piece of work, whether the owner still lives, and who may touch the work now.

A lease is a locked file with the owner's pid, process start time, boot id and pid namespace, and a journal record of
the same. Beside it stands the work lock: the owner holds it while it performs, whoever undoes holds it while undoing.
"""

import contextlib
import fcntl
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from opswright.errors import EnvironmentFailed, StoreFailed, ToolFailed
from opswright.knowledge.journal import Journal

WORK_WAIT_S = 60.0  # how long somebody waits for the work lock before saying who holds it


@dataclass(frozen=True)
class Owner:
    """One process, so that a pid that was given to another later is not taken for it."""

    pid: int
    started: str  # clock ticks since boot, from /proc; empty where there is no /proc
    boot: str
    namespace: str  # of pids: a container numbers its processes itself
    host: str


def this_process() -> Owner:
    """The owner that is running this."""
    pid = os.getpid()
    return Owner(pid, _started(pid), _boot(), _namespace(), socket.gethostname())


def process_alive(owner: Owner) -> bool | None:
    """Does it run? None when it cannot be seen from here: another machine, another container."""
    if owner.host == socket.gethostname() and owner.boot != _boot():
        return False
    if (owner.boot, owner.namespace) != (_boot(), _namespace()):
        return None
    if not owner.started:
        try:
            os.kill(owner.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    return _started(owner.pid) == owner.started


def _started(pid: int) -> str:
    """Empty for a process that is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # the name in brackets may hold blanks
    return "" if fields[0] in "ZX" else fields[19]


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


class Lease:
    """Held by the process that made it until `release` or its death. Raises StoreFailed when it cannot be taken."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self.id = secrets.token_hex(8)
        self._folder = folder
        self._journal = journal
        self._threads = threading.RLock()
        self._depth = 0
        owner = asdict(this_process())
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
            # A file object: a lease that nobody refers to any more is let go of.
            self._file = os.fdopen(os.open(_lease_file(folder, self.id), flags, 0o600), "w")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.write(json.dumps(owner))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreFailed(f"{folder}: no lease can be taken there ({error.strerror or error})") from error
        journal.append("lease.taken", owner, key=f"lease:{self.id}")

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Holds the work lock; re-entrant. Raises ToolFailed once the lease was revoked."""
        with self._threads:
            if self._depth:
                yield
                return
            with work_lock(self._folder, self.id):
                self.check()
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1

    def check(self) -> None:
        """Raises ToolFailed once the lease was revoked: its deadline passed and its work was undone."""
        reason = revoked(self._journal, self.id)
        if reason:
            raise ToolFailed(f"{reason}; what was done under this lease is undone and nothing more is done")

    def release(self) -> None:
        """Gives it back: the journal says so, then the files go."""
        self._journal.append("lease.released", {}, key=f"released:{self.id}")
        for path in (_lease_file(self._folder, self.id), _work_file(self._folder, self.id)):
            path.unlink(missing_ok=True)
        self._file.close()


def revoked(journal: Journal, lease: str) -> str:
    """Why the lease was revoked; empty when it was not."""
    record = journal.find(f"revoked:{lease}")
    return "" if record is None else str(record.payload["reason"])


def owner_of(journal: Journal, lease: str) -> Owner | None:
    """Who took the lease, from the journal."""
    record = journal.find(f"lease:{lease}")
    return None if record is None else Owner(**record.payload)


def owner_alive(folder: Path, journal: Journal, lease: str) -> bool:
    """Is somebody still at this work? In doubt (another machine whose lock is held), yes."""
    owner = owner_of(journal, lease)
    if owner is None or journal.find(f"released:{lease}") is not None:
        return False
    running = process_alive(owner)
    held = _locked(_lease_file(folder, lease))
    if held is None:  # the file is gone: the process alone says it; one that cannot be seen may well be working
        return running is not False
    # A child that the owner forked may hold the lock after its death, so a process known to be dead decides.
    return held and running is not False


def sweep(folder: Path, journal: Journal) -> None:
    """Removes the files of leases whose owner is gone; a work lock that somebody holds stays."""
    for lease in {path.stem for suffix in ("lease", "work") for path in folder.glob(f"*.{suffix}")}:
        if owner_alive(folder, journal, lease):
            continue
        work = _try_lock(_work_file(folder, lease))
        if work is not None:
            _lease_file(folder, lease).unlink(missing_ok=True)
            _work_file(folder, lease).unlink(missing_ok=True)
            os.close(work)


def _locked(path: Path) -> bool | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def work_lock(folder: Path, lease: str, wait_s: float = WORK_WAIT_S) -> Iterator[None]:
    """The right to perform or to undo under a lease; the kernel frees it when its holder dies.

    Raises EnvironmentFailed after `wait_s`, StoreFailed when the file cannot be made.
    """
    give_up = time.monotonic() + wait_s
    path = _work_file(folder, lease)
    descriptor = _try_lock(path)
    while descriptor is None:
        if time.monotonic() > give_up:
            raise EnvironmentFailed(f"the work under lease {lease} is busy for more than {wait_s:g} s; try again later")
        time.sleep(0.02)
        descriptor = _try_lock(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it may have unlinked it: then this is the lock of a file nobody else will open.
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _lease_file(folder: Path, lease: str) -> Path:
    return folder / f"{lease}.lease"


def _work_file(folder: Path, lease: str) -> Path:
    return folder / f"{lease}.work"
