"""One call in one container: set up, let go, watched, ended, counted."""

import contextlib
import time
from dataclasses import dataclass, field, replace

from opswright.errors import InputError, OpswrightError, SandboxUnavailable
from opswright.sandboxes.cgroups.groups import CallGroup
from opswright.sandboxes.cgroups.opening import open_group
from opswright.sandboxes.commands import relative_parts
from opswright.sandboxes.container import launch
from opswright.sandboxes.container.cell import Cell
from opswright.sandboxes.container.engine import address, asking
from opswright.sandboxes.container.execution import Execution, group_of
from opswright.sandboxes.container.figures import Figures, from_engine, from_report
from opswright.sandboxes.container.streams import Streams
from opswright.sandboxes.container.watching import Killings, Watch, give_room, killings
from opswright.sandboxes.feeding import Source, written_to
from opswright.sandboxes.ports import Command, Completed, Halted, Limit, Limits, OnMemory, never

_STOPPED = 128 + 9
_HELD_UP_S = 10.0  # a call without a group may stop whoever asks after it, for so long


@dataclass
class Call:
    """One command in a fresh container. `grouped`: it gets a control group of its own inside the container's.

    `clean`: nothing of it lives any more. `held_up`: what asks after it in the container did not get to the end.
    """

    cell: Cell
    command: Command
    limits: Limits
    grouped: bool
    on_memory: OnMemory | None
    freeze: bool
    halted: Halted = never
    met: set[Limit] = field(default_factory=set)
    group: CallGroup | None = None
    killings: Killings | None = None
    clean: bool = False
    held_up: bool = False

    def completed(self) -> Completed:
        """Runs it to its end. Where it is not `clean` then, the container must go to end what lives of it.

        Raises InputError for files that do not go together, SandboxUnavailable when engine or container fail.
        """
        with contextlib.closing(Source(self.command.stdin)) as given, written_to(self.command.stdout_to) as to:
            given.put_before(launch.payload(self.command, self.cell.shape.links, given.size))
            running = Execution(self.cell, launch.SCRIPT, (), self.limits.output_bytes, to)
            try:
                self._confine(running)
                running.streams.give(given)
                began = time.monotonic()
                if not running.until_started(self._short_of_memory) and not self._short_of_memory():
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
            self.killings = killings(parent) if parent is not None else None
            return
        pids = self.limits.pids + launch.processes(self.command)
        self.group = open_group(parent, replace(self.limits, pids=pids), self.freeze) if parent else None
        if self.group is None:
            raise SandboxUnavailable("no control group can be made for a call any more")
        try:
            self.group.adopt(pid)
        except OSError as error:
            raise SandboxUnavailable(f"a call ended before it began ({error})") from None

    def _short_of_memory(self) -> bool:
        """Also what stands before the command may find no room; it ends as the command would."""
        if self.group is not None:
            return self.group.frozen() or self.group.killed_at_memory()
        return self.killings is not None and self.killings() > 0

    def _refusal(self, running: Execution) -> OpswrightError:
        code = running.final_code()
        if self.command.files and code == launch.REFUSED:
            return InputError(f"the files cannot be put there: {running.complaint()}", "files")
        return SandboxUnavailable(f"the container does not start the command: {running.complaint()} ({code})")

    def _watched(self, running: Execution, began: float) -> Completed:
        watch = Watch(self.cell, self.command, self.limits, self.group, self.on_memory, self.killings, self.halted)
        stopped_by = watch.until_end(running.streams, began)
        seconds = time.monotonic() - began - watch.asked_s
        streams = running.streams
        if self.group is not None:
            watch.look_at_room()
            watch.met |= self.group.met()  # now: ending it lets nothing fork any more
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
            stopped_by = Limit.MEMORY
        met = watch.met | self.met | figures.met | {limit for limit in (stopped_by,) if limit}
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

    def _after(self, beside: Streams) -> tuple[Figures, dict[str, bytes], bool]:
        """What it used, the files asked for, and whether the container could be asked. Without a group this also ends
        what still lives of the call.
        """
        paths = ["/".join(relative_parts(path)) for path in self.command.collect]
        report, files, large = "", dict[str, bytes](), False
        if paths or self.group is None:
            report, files, large = self._asked_after(paths, beside)
        if (
            not report and self.group is None and not self.held_up
        ):  # files that fill the memory leave none for one more process
            give_room(self.cell, self.limits.memory_bytes)
            report, files, large = self._asked_after(paths, beside)
        if large:
            self.met.add(Limit.DISK)
        by_asked = {path: files[true] for path, true in zip(self.command.collect, paths, strict=True) if true in files}
        if self.group is not None:
            group = self.group
            counted = Figures(group.cpu_seconds(), group.peak_memory(), group.killed_at_memory())
            return counted, by_asked, True
        figures = from_report(report) if report else self._counted_by_engine()
        peak = figures.peak_memory_bytes
        figures = replace(figures, peak_memory_bytes=peak and min(peak, self.limits.memory_bytes))  # without that room
        return figures, by_asked, bool(report)

    def _asked_after(self, paths: list[str], beside: Streams) -> tuple[str, dict[str, bytes], bool]:
        most = self.limits.disk_bytes
        asked = Execution(self.cell, launch.AFTER, [str(most), *paths], most + 4096 + 32 * len(paths))
        try:
            silent_s = float(self.cell.api.timeout)
            if not asked.until_end(beside, silent_s if self.group is not None else min(silent_s, _HELD_UP_S)):
                if self.group is not None:  # nothing of the call lives
                    raise SandboxUnavailable(f"the engine at {address()} does not answer")
                self.held_up = True  # what lives of the call stops every process of its user, also this one
                return "", {}, False
            return launch.read_after(bytes(asked.streams.outputs.kept["stdout"]), paths)
        finally:
            asked.streams.close()

    def _counted_by_engine(self) -> Figures:
        with asking("counting what a container used"):
            counted = from_engine(self.cell.api.stats(self.cell.id, stream=False, one_shot=True))
        killed = Limit.MEMORY in counted.met if self.killings is None else self.killings() > 0
        return replace(counted, killed=killed)

    def _drain(self, streams: Streams) -> None:
        if not streams.drain(float(self.cell.api.timeout)):
            raise SandboxUnavailable(f"the engine at {address()} does not end a call")
