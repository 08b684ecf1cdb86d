"""One call in one container: set up, let go, watched, ended, counted."""

import os
import time
from dataclasses import dataclass, field, replace

from opswright.errors import InputError, OpswrightError, SandboxUnavailable
from opswright.sandboxes.cgroups.groups import CallGroup
from opswright.sandboxes.cgroups.opening import open_group
from opswright.sandboxes.commands import relative_parts
from opswright.sandboxes.container import launch
from opswright.sandboxes.container.cell import SCRATCH, Cell
from opswright.sandboxes.container.engine import address, asking
from opswright.sandboxes.container.execution import Execution, group_of
from opswright.sandboxes.container.figures import Figures, from_engine, from_report
from opswright.sandboxes.container.streams import Streams
from opswright.sandboxes.ports import MIB, Command, Completed, Limit, Limits, MemoryAsk, OnMemory

ROOM_BYTES = 64 * MIB  # what a container may have beyond the group of its call, for the processes around it
ROOM_PIDS = 16
_LOOK_S = 0.05  # how often limits are looked at that the kernel tells nobody about
_STOPPED = 128 + 9


@dataclass
class Call:
    """One command in a fresh container. `grouped`: it gets a control group of its own inside the container's.

    `asked_s`: how long somebody was asked; it does not count as the call's time. `clean`: nothing of it lives any more.
    """

    cell: Cell
    command: Command
    limits: Limits
    grouped: bool
    on_memory: OnMemory | None
    freeze: bool
    asked_s: float = 0.0
    met: set[Limit] = field(default_factory=set)
    group: CallGroup | None = None
    clean: bool = False

    def completed(self) -> Completed:
        """Runs it to its end. Where it is not `clean` then, the container must go to end what lives of it.

        Raises InputError for files that do not go together, SandboxUnavailable when engine or container fail.
        """
        given = launch.payload(self.command, self.cell.shape.links)
        running = Execution(self.cell, launch.SCRIPT, (), self.limits.output_bytes)
        try:
            self._confine(running)
            running.streams.give(given)
            began = time.monotonic()
            if not running.until_started():
                raise self._refusal(running)
            return self._watched(running, began)
        finally:
            running.streams.close()
            if self.group is not None:
                self.group.close()

    def _confine(self, running: Execution) -> None:
        """It reads its first line only when it is in its group: whatever it starts is born there."""
        pid = running.host_pid()
        parent = group_of(pid, self.cell.id)
        if parent is not None:
            running.streams.look_for(pid)
        if not self.grouped:
            return
        pids = self.limits.pids + launch.processes(self.command)
        self.group = open_group(parent, replace(self.limits, pids=pids), self.freeze) if parent else None
        if self.group is None:
            raise SandboxUnavailable("no control group can be made for a call any more")
        try:
            self.group.adopt(pid)
        except OSError as error:
            raise SandboxUnavailable(f"a call ended before it began ({error})") from None

    def _refusal(self, running: Execution) -> OpswrightError:
        code = running.final_code()
        if self.command.files and code == launch.REFUSED:
            return InputError(f"the files cannot be put there: {running.complaint()}", "files")
        return SandboxUnavailable(f"the container does not start the command: {running.complaint()} ({code})")

    def _watched(self, running: Execution, began: float) -> Completed:
        stopped_by = self._until_end(running, began)
        seconds = time.monotonic() - began - self.asked_s
        streams = running.streams
        if self.group is not None:
            self._look_at_room()
            self.group.kill()
            self._drain(streams)
        figures, collected, reached = self._after(streams)
        self.clean = reached
        if not reached:  # the container has no room for one more process: it ends as a whole
            code = _STOPPED if stopped_by else running.final_code()
            self.cell.dispose()
        self._drain(streams)
        if reached:
            code = running.final_code()
        if figures.killed:
            stopped_by = stopped_by or Limit.MEMORY
        met = self.met | figures.met | {limit for limit in (stopped_by,) if limit}
        met |= {Limit.OUTPUT} if streams.cut else set()
        return Completed(
            exit_code=_STOPPED if stopped_by else code,
            stdout=bytes(streams.outputs.kept["stdout"]),
            stderr=bytes(streams.outputs.kept["stderr"]),
            seconds=seconds,
            stopped_by=stopped_by,
            met=frozenset(met),
            cut=streams.cut,
            collected=collected,
            cpu_seconds=figures.cpu_seconds,
            peak_memory_bytes=figures.peak_memory_bytes,
        )

    def _until_end(self, running: Execution, began: float) -> Limit | None:
        """Returns when the command has ended or has to be, with the limit that stops it."""
        looked = began
        while not running.streams.over:
            now = time.monotonic()
            left = began + self.limits.seconds + self.asked_s - now
            if left <= 0:
                return Limit.TIME
            if running.streams.flooded:
                return Limit.OUTPUT
            if now - looked >= _LOOK_S:
                looked = now
                if self.group is not None and not self._looks_well(self.group):
                    return Limit.MEMORY
            running.streams.wait(min(_LOOK_S, left))
        return None

    def _looks_well(self, group: CallGroup) -> bool:
        self._look_at_room()
        return not group.killed_at_memory() and (not group.frozen() or self._go_on(group))

    def _look_at_room(self) -> None:
        """Is the call's disk full? Seen from here, as root."""
        try:
            room = os.statvfs(f"/proc/{self.cell.pid}/root{SCRATCH}")
        except OSError:
            return
        if room.f_bfree == 0 or room.f_ffree == 0:
            self.met.add(Limit.DISK)

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
        around = more + ROOM_BYTES
        if around > self.cell.shape.memory_bytes:  # the container first: its group is around the call's
            with asking("raising a container's memory"):
                self.cell.api.update_container(self.cell.id, mem_limit=around, memswap_limit=around)
        self.limits = replace(self.limits, memory_bytes=more)
        group.raise_memory(more)
        group.resume()
        self.asked_s += time.monotonic() - asked
        return True

    def _after(self, beside: Streams) -> tuple[Figures, dict[str, bytes], bool]:
        """What it used, the files asked for, and whether the container could be asked. Without a group this also ends
        what still lives of the call.
        """
        paths = ["/".join(relative_parts(path)) for path in self.command.collect]
        report, files, large = "", dict[str, bytes](), False
        if paths or self.group is None:
            report, files, large = self._asked_after(paths, beside)
        if large:
            self.met.add(Limit.DISK)
        by_asked = {path: files[true] for path, true in zip(self.command.collect, paths, strict=True) if true in files}
        if self.group is not None:
            group = self.group
            counted = Figures(group.cpu_seconds(), group.peak_memory(), group.killed_at_memory(), group.met())
            return counted, by_asked, True
        return (from_report(report) if report else self._counted_by_engine()), by_asked, bool(report)

    def _asked_after(self, paths: list[str], beside: Streams) -> tuple[str, dict[str, bytes], bool]:
        most = self.limits.disk_bytes
        asked = Execution(self.cell, launch.AFTER, [str(most), *paths], most + 4096 + 32 * len(paths))
        try:
            asked.until_end(beside)
            return launch.read_after(bytes(asked.streams.outputs.kept["stdout"]), paths)
        finally:
            asked.streams.close()

    def _counted_by_engine(self) -> Figures:
        with asking("counting what a container used"):
            return from_engine(self.cell.api.stats(self.cell.id, stream=False, one_shot=True))

    def _drain(self, streams: Streams) -> None:
        if not streams.drain(float(self.cell.api.timeout)):
            raise SandboxUnavailable(f"the engine at {address()} does not end a call")
