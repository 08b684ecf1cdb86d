"""Whose group is this, and does its owner live? The name says it, so that the answer survives a kill -9."""

import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"opswright-([0-9a-f]{8})-([0-9]+)-([0-9]+)-([0-9]+)-([0-9]+)")
_count = itertools.count()


@dataclass(frozen=True)
class Owner:
    """One process, told apart from a later one with the same number."""

    boot: str  # the first 8 digits of the boot's id
    namespace: int  # of pids: a container numbers its processes itself
    pid: int
    started: int  # clock ticks since boot


def new_name() -> str:
    """A name for a group or folder of this process, different at each call."""
    owner = this_process()
    return f"opswright-{owner.boot}-{owner.namespace}-{owner.pid}-{owner.started}-{next(_count)}"


def owner_of(name: str) -> Owner | None:
    """The owner in a name of ours; None for any other name."""
    found = _NAME.fullmatch(name)
    return Owner(found[1], int(found[2]), int(found[3]), int(found[4])) if found else None


def is_dead(owner: Owner) -> bool:
    """Has it ended? False also where that cannot be seen from here (a process of another container)."""
    here = this_process()
    if owner.boot != here.boot:
        return True
    return owner.namespace == here.namespace and started(owner.pid) != owner.started


def this_process() -> Owner:
    """The process that runs this; asked anew each time, since a fork changes it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
    pid = os.getpid()
    return Owner(boot, Path("/proc/self/ns/pid").stat().st_ino, pid, started(pid))


def started(pid: int) -> int:
    """When a process began, in clock ticks since boot; 0 for one that is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    fields = text.rpartition(")")[2].split()  # the name in brackets may hold blanks
    return 0 if fields[0] in "ZX" else int(fields[19])
