"""A call's group in version 1: the same name in the hierarchy of each controller. Proved on a live kernel."""

import contextlib
import time
from collections.abc import Mapping

from opswright.sandboxes.cgroups.groups import EMPTY_WAIT_S, Tree, counted, remove_when_empty, visible
from opswright.sandboxes.ports import Limit, Limits

PERIOD_US = 100_000
NEEDED = frozenset({"memory", "cpu", "pids"})  # without cpuacct nothing is told of time, without freezer nothing pauses


class V1Group:
    """Made with its limits. `places`: controller to its tree and the group's path in it.

    With `freeze` a page that does not fit makes the process wait (`memory.oom_control`), so that somebody can be asked;
    a system call that finds no room (a write to a tmpfs, a fork) gets ENOMEM instead, as the kernel does it.
    """

    def __init__(self, name: str, places: Mapping[str, tuple[Tree, str]], limits: Limits, freeze: bool) -> None:
        self.name = name
        self._places = dict(places)
        self._frozen_once = False
        self._closed = False
        try:
            for tree, path in self._places.values():
                with contextlib.suppress(FileExistsError):  # two controllers may share one hierarchy
                    tree.make(path)
            self._limit(limits)
            self._freezes = freeze and self._stops_at_limit()
        except OSError:
            self.close()
            raise

    @property
    def freezes(self) -> bool:
        return self._freezes

    def adopt(self, pid: int) -> None:
        for controller in self._places:
            self._write(controller, "cgroup.procs", pid)

    def frozen(self) -> bool:
        frozen = self._freezes and counted(self._read("memory", "memory.oom_control"), "under_oom") > 0
        self._frozen_once = self._frozen_once or frozen
        return frozen

    def raise_memory(self, size_bytes: int) -> None:
        with contextlib.suppress(FileNotFoundError):  # swap is accounted only where the kernel was told to
            self._write("memory", "memory.memsw.limit_in_bytes", size_bytes)
        self._write("memory", "memory.limit_in_bytes", size_bytes)
        self._limit_tcp(size_bytes)

    def pause(self) -> None:
        if "freezer" in self._places:
            self._write("freezer", "freezer.state", "FROZEN")

    def resume(self) -> None:
        if "freezer" in self._places:
            self._write("freezer", "freezer.state", "THAWED")

    def kill(self) -> None:
        give_up = time.monotonic() + EMPTY_WAIT_S
        with contextlib.suppress(OSError):
            self._write("pids", "pids.max", 0)  # nothing is born any more, so that killing comes to an end
        with contextlib.suppress(OSError):
            self.resume()  # a frozen process does not die before it thaws
        while (pids := self.pids()) and time.monotonic() < give_up:
            tree, path = self._places["pids"]
            for pid in pids:
                tree.kill(pid, f"{path}/cgroup.procs")
            time.sleep(0.002)

    def pids(self) -> tuple[int, ...]:
        return visible(self._read("pids", "cgroup.procs"))

    def peak_memory(self) -> int | None:
        text = self._read("memory", "memory.max_usage_in_bytes")
        return int(text) if text else None

    def cpu_seconds(self) -> float | None:
        text = self._read("cpuacct", "cpuacct.usage") if "cpuacct" in self._places else ""
        return int(text) / 1e9 if text else None

    def killed_at_memory(self) -> bool:
        return counted(self._read("memory", "memory.oom_control"), "oom_kill") > 0

    def met(self) -> frozenset[Limit]:
        found = {
            Limit.MEMORY: self._frozen_once or self.killed_at_memory(),
            Limit.CPU: counted(self._read("cpu", "cpu.stat"), "nr_throttled") > 0,
            Limit.PIDS: counted(self._read("pids", "pids.events"), "max") > 0,
        }
        return frozenset(limit for limit, met in found.items() if met)

    def close(self) -> None:
        if self._closed:
            return
        self.kill()
        for tree, path in self._places.values():
            remove_when_empty(tree, path)
        self._closed = True

    def _limit(self, limits: Limits) -> None:
        self._write("memory", "memory.limit_in_bytes", limits.memory_bytes)
        with contextlib.suppress(OSError):
            self._write("memory", "memory.memsw.limit_in_bytes", limits.memory_bytes)  # swap is no way around it
        self._limit_tcp(limits.memory_bytes)
        self._write("cpu", "cpu.cfs_period_us", PERIOD_US)
        self._write("cpu", "cpu.cfs_quota_us", max(1000, round(limits.cpus * PERIOD_US)))  # the kernel's least is 1 ms
        self._write("pids", "pids.max", limits.pids)

    def _limit_tcp(self, size_bytes: int) -> None:
        """What TCP buffers is counted apart, and without a limit by default; not every kernel was built to count it."""
        with contextlib.suppress(OSError):
            self._write("memory", "memory.kmem.tcp.limit_in_bytes", size_bytes)

    def _stops_at_limit(self) -> bool:
        try:
            self._write("memory", "memory.oom_control", 1)
        except OSError:  # a kernel built without it
            return False
        return True

    def _write(self, controller: str, file: str, value: int | str) -> None:
        tree, path = self._places[controller]
        tree.write(f"{path}/{file}", str(value))

    def _read(self, controller: str, file: str) -> str:
        tree, path = self._places[controller]
        return tree.read(f"{path}/{file}")
