"""A call's group in version 2, the unified hierarchy.

Written after the kernel's cgroup-v2 documentation and tested against a tree that behaves as described there; unproved
on a live kernel until a machine whose controllers are in version 2 has run the tests.

It cannot wait at its memory limit.
"""

import contextlib
import errno
import time
from pathlib import PurePosixPath

from opswright.sandboxes.cgroups.groups import EMPTY_WAIT_S, Tree, counted, remove_when_empty, visible
from opswright.sandboxes.ports import Limit, Limits

PERIOD_US = 100_000
NEEDED = frozenset({"memory", "cpu", "pids"})
_ENABLE = "+memory +cpu +pids"


class V2Group:
    """Made with its limits. `path`: the group below the tree's root."""

    def __init__(self, name: str, tree: Tree, path: str, limits: Limits) -> None:
        self.name = name
        self._tree = tree
        self._path = path
        self._closed = False
        try:
            tree.make(path)
            self.raise_memory(limits.memory_bytes)
            with contextlib.suppress(OSError):  # a kernel without swap has no such file
                self._write("memory.swap.max", 0)
            with contextlib.suppress(OSError):
                self._write("memory.oom.group", 1)  # the call ends as a whole
            self._write("cpu.max", f"{max(1000, round(limits.cpus * PERIOD_US))} {PERIOD_US}")
            self._write("pids.max", limits.pids)
        except OSError:
            self.close()
            raise

    @property
    def freezes(self) -> bool:
        return False

    def adopt(self, pid: int) -> None:
        self._write("cgroup.procs", pid)

    def frozen(self) -> bool:
        return False

    def raise_memory(self, size_bytes: int) -> None:
        """`memory.high` makes the last 5 % slow instead of the limit a wall without warning."""
        self._write("memory.max", size_bytes)
        self._write("memory.high", size_bytes - size_bytes // 20)

    def pause(self) -> None:
        self._write("cgroup.freeze", 1)

    def resume(self) -> None:
        self._write("cgroup.freeze", 0)

    def kill(self) -> None:
        give_up = time.monotonic() + EMPTY_WAIT_S
        with contextlib.suppress(OSError):
            self._write("pids.max", 0)
        while (pids := self.pids()) and time.monotonic() < give_up:
            try:
                self._write("cgroup.kill", 1)  # since 5.14; also kills what is frozen
            except OSError:
                for pid in pids:
                    self._tree.kill(pid, f"{self._path}/cgroup.procs")
            time.sleep(0.002)

    def pids(self) -> tuple[int, ...]:
        return visible(self._read("cgroup.procs"))

    def peak_memory(self) -> int | None:
        text = self._read("memory.peak")  # since 5.19
        return int(text) if text else None

    def cpu_seconds(self) -> float | None:
        text = self._read("cpu.stat")
        return counted(text, "usage_usec") / 1e6 if text else None

    def killed_at_memory(self) -> bool:
        return counted(self._read("memory.events"), "oom_kill") > 0

    def met(self) -> frozenset[Limit]:
        found = {
            Limit.MEMORY: self.killed_at_memory(),
            Limit.CPU: counted(self._read("cpu.stat"), "nr_throttled") > 0,
            Limit.PIDS: counted(self._read("pids.events"), "max") > 0,
        }
        return frozenset(limit for limit, met in found.items() if met)

    def close(self) -> None:
        if self._closed:
            return
        self.kill()
        remove_when_empty(self._tree, self._path)
        self._closed = True

    def _write(self, file: str, value: int | str) -> None:
        self._tree.write(f"{self._path}/{file}", str(value))

    def _read(self, file: str) -> str:
        return self._tree.read(f"{self._path}/{file}")


def nearest_that_divides(tree: Tree, own: str) -> str | None:
    """The closest group from our own upwards that may hand controllers to a child; None where none may.

    A group with processes of its own may not (the rule of no internal processes), so that it is mostly our parent.
    """
    folder = PurePosixPath(own)
    while True:
        if _hands_on(tree, "" if str(folder) == "." else str(folder)):
            return "" if str(folder) == "." else str(folder)
        if str(folder) == ".":
            return None
        folder = folder.parent


def make_divisible(tree: Tree, path: str, leaf: str) -> bool:
    """Lets a group with processes (a container's) have children with limits: its processes move into a leaf of it."""
    if _hands_on(tree, path):
        return True
    with contextlib.suppress(FileExistsError):
        tree.make(f"{path}/{leaf}")
    for pid in visible(tree.read(f"{path}/cgroup.procs")):
        try:
            tree.write(f"{path}/{leaf}/cgroup.procs", str(pid))
        except OSError as error:
            if error.errno != errno.ESRCH:  # one that has ended is no hindrance
                return False
    return _hands_on(tree, path)


def _hands_on(tree: Tree, path: str) -> bool:
    control = f"{path}/cgroup.subtree_control".lstrip("/")
    if set(tree.read(control).split()) >= NEEDED:
        return True
    try:
        tree.write(control, _ENABLE)
    except OSError:
        return False
    return True
