"""What a call uses where no control group counts it: its processes are found and added up every moment."""

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PER_NAMESPACE = (5, 14)  # since this kernel, processes are counted for each user namespace by itself


@dataclass(frozen=True)
class Usage:
    """Of a process and all below it. Memory that no process maps (pipes, a deleted open file) is not seen."""

    processes: int
    memory_bytes: int


def usage(first: int, enough_bytes: int) -> Usage:
    """What a process (by our numbering) and its descendants use. Shared pages are shared out once the plain sum of
    all passes `enough_bytes`, since only then it matters and it costs more to ask.
    """
    pids = descendants(first)
    resident = sum(_resident(pid) for pid in pids)
    return Usage(len(pids), resident if resident <= enough_bytes else sum(_proportional(pid) for pid in pids))


def descendants(first: int) -> tuple[int, ...]:
    """A process and all below it. In a namespace orphans go to its first process, so that none is missed for long."""
    found = [first]
    for pid in found:
        found += [child for child in children_of(pid) if child not in found]
    return tuple(found)


def children_of(pid: int) -> tuple[int, ...]:
    """The direct children of a process; empty when it is gone. The kernel lists them by the thread that made them."""
    children: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (thread / "children").read_text("ascii").split())
    except FileNotFoundError:
        if not _kernel_lists_children():
            return tuple(child for child in _all_processes() if _parent(child) == pid)
    except ProcessLookupError:
        pass
    return tuple(children)


def processes_counted_before() -> int:
    """How many processes the kernel counts against our user's RLIMIT_NPROC in a new namespace before a call starts."""
    release = tuple(int(part) for part in os.uname().release.split(".")[:2])
    if release >= _PER_NAMESPACE:
        return 0
    return sum(_owner(pid) == os.getuid() for pid in _all_processes())


def _kernel_lists_children() -> bool:
    pid = os.getpid()
    return Path(f"/proc/{pid}/task/{pid}/children").exists()


def _all_processes() -> tuple[int, ...]:
    return tuple(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _owner(pid: int) -> int | None:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None


def _parent(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(text.rpartition(")")[2].split()[1])  # the name in brackets may hold blanks


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:  # it has ended, or may not be looked into
        pass
    return _resident(pid)
