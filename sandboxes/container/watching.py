"""A call is watched to its end: time, output, room and memory; over a limit it is asked for or stopped."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from opswright.sandboxes.cgroups.groups import CallGroup, Tree, counted
from opswright.sandboxes.cgroups.mounts import hierarchies
from opswright.sandboxes.container.cell import SCRATCH, Cell
from opswright.sandboxes.container.engine import asking
from opswright.sandboxes.container.streams import Streams
from opswright.sandboxes.ports import MIB, Command, Halted, Limit, Limits, MemoryAsk, OnMemory, never

ROOM_BYTES = 64 * MIB  # what a container may have beyond the group of its call, for the processes around it
ROOM_PIDS = 16
_LOOK_S = 0.05  # how often limits are looked at that the kernel tells nobody about

# How many processes the kernel has killed for want of memory.
Killings = Callable[[], int]


def killings(group: str) -> Killings:
    """Of a container on this machine, read where anybody may. `group`: its path below the hierarchy's root."""
    found = hierarchies()
    if (v1 := found.v1.get("memory")) is not None:
        tree, file = Tree(v1.at), f"{group}/memory.oom_control"
    elif found.v2 is not None:
        tree, file = Tree(found.v2.at), f"{group}/memory.events"
    else:
        return lambda: 0
    return lambda: counted(tree.read(file), "oom_kill")


@dataclass
class Watch:
    """One call. `group`: its own, or None where the container's limits are its own and only `killings` can be seen.

    `asked_s`: how long somebody was asked; it does not count as the call's time. `met`: limits seen to be met.
    """

    cell: Cell
    command: Command
    limits: Limits
    group: CallGroup | None
    on_memory: OnMemory | None
    killings: Killings | None
    halted: Halted = never
    asked_s: float = 0.0
    met: set[Limit] = field(default_factory=set)

    def until_end(self, streams: Streams, began: float) -> Limit | None:
        """Returns when the command has ended or has to be, with the limit that stops it. Raises KeyboardInterrupt."""
        looked = began
        while not streams.over:
            now = time.monotonic()
            left = began + self.limits.seconds + self.asked_s - now
            if left <= 0:
                return Limit.TIME
            if streams.flooded:
                return Limit.OUTPUT
            if now - looked >= _LOOK_S:
                looked = now
                if self.halted():
                    raise KeyboardInterrupt("a call in the sandbox was stopped")
                if not self._memory_is_well():
                    return Limit.MEMORY
            streams.wait(min(_LOOK_S, left))
        return None

    def look_at_room(self) -> None:
        """Is the call's disk full? Seen from here, as root."""
        try:
            room = os.statvfs(f"/proc/{self.cell.pid}/root{SCRATCH}")
        except OSError:
            return
        if room.f_bfree == 0 or room.f_ffree == 0:
            self.met.add(Limit.DISK)

    def _memory_is_well(self) -> bool:
        if self.group is None:
            return self.killings is None or self.killings() == 0
        self.look_at_room()
        return not self.group.killed_at_memory() and (not self.group.frozen() or self._go_on(self.group))

    def _go_on(self, group: CallGroup) -> bool:
        """Asks whether a call that is frozen at its memory limit may have more; everything of it stands still."""
        if self.on_memory is None:
            return False
        asked = time.monotonic()
        group.pause()
        used = self.limits.memory_bytes
        more = self.on_memory(MemoryAsk(self.command.argv, used))
        if more is None or more <= used:
            return False
        if more + ROOM_BYTES > self.cell.shape.memory_bytes:  # the container first: its group is around the call's
            give_room(self.cell, more)
        self.limits = replace(self.limits, memory_bytes=more)
        group.raise_memory(more)
        group.resume()
        self.asked_s += time.monotonic() - asked
        return True


def give_room(cell: Cell, call_bytes: int) -> None:
    """Lets the container have what the call has and some room around it."""
    with asking("raising a container's memory"):
        cell.api.update_container(cell.id, mem_limit=call_bytes + ROOM_BYTES, memswap_limit=call_bytes + ROOM_BYTES)
