"""From the gate to the end: time, output, room and memory are watched; a call over a limit is asked for or stopped."""

import time
from dataclasses import dataclass, field, replace

from opswright.sandboxes.ports import Command, Halted, Limit, Limits, MemoryAsk, OnMemory
from opswright.sandboxes.process.folder import WorkingFolder
from opswright.sandboxes.process.running import Running
from opswright.sandboxes.process.streams import Streams
from opswright.sandboxes.process.usage import usage

LOOK_S = 0.05  # how often limits are looked at that the kernel tells nobody about
LOOK_AROUND_S = 0.02  # and how often where there is no control group either
_BYTES_PER_FILE = 4096  # more files than pages of room are an attack on the kernel's memory, not a use of the disk


@dataclass
class Watch:
    """One call as it is watched. `asked_s`: how long somebody was asked; it does not count as the call's time."""

    command: Command
    limits: Limits
    running: Running
    streams: Streams
    on_memory: OnMemory | None
    halted: Halted
    asked_s: float = 0.0
    met: set[Limit] = field(default_factory=set)

    @property
    def folder(self) -> WorkingFolder:
        """Where the command works."""
        assert self.running.folder is not None  # it is there before anything of a call runs
        return self.running.folder

    def until_end(self) -> Limit | None:
        """Returns when the command has ended or has to be, with the limit that stops it. Raises KeyboardInterrupt."""
        began = looked = time.monotonic()
        every = LOOK_AROUND_S if self.running.group is None else LOOK_S
        while self.running.exit_code() is None:
            now = time.monotonic()
            left = began + self.limits.seconds + self.asked_s - now
            if left <= 0:
                return Limit.TIME
            if self.streams.flooded:
                return Limit.OUTPUT
            if now - looked >= every:
                looked = now
                if self.halted():
                    raise KeyboardInterrupt("a call in the sandbox was stopped")
                if (stop := self._look()) is not None:
                    return stop
            self.streams.wait(min(every, left))
        return None

    def _look(self) -> Limit | None:
        if self.folder.full():
            self.met.add(Limit.DISK)
        group = self.running.group
        if group is None:
            return self._look_around()
        if group.killed_at_memory():
            return Limit.MEMORY
        return Limit.MEMORY if group.frozen() and not self._go_on() else None

    def _look_around(self) -> Limit | None:
        """Without a control group: what the call uses is added up; between two looks it may be above its limit."""
        found = usage(self.running.first_pid, self.limits.memory_bytes)
        if found.processes > self.limits.pids:  # the first process is ours
            self.met.add(Limit.PIDS)
        if self.folder.files() * _BYTES_PER_FILE > max(self.limits.disk_bytes, 1 << 20):
            return Limit.DISK
        held = found.memory_bytes + self.folder.used_bytes()
        return Limit.MEMORY if held > self.limits.memory_bytes else None

    def _go_on(self) -> bool:
        """Asks whether a call that is frozen at its memory limit may have more; everything of it stands still."""
        group = self.running.group
        assert group is not None
        if self.on_memory is None:
            return False
        asked = time.monotonic()
        group.pause()
        used = self.limits.memory_bytes
        more = self.on_memory(MemoryAsk(self.command.argv, used))
        if more is None or more <= used:
            return False
        self.limits = replace(self.limits, memory_bytes=more)
        group.raise_memory(more)
        group.resume()
        self.asked_s += time.monotonic() - asked
        return True
