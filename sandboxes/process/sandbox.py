"""The process sandbox: each command in namespaces of its own, by bubblewrap, with rlimits and a control group.

As root each call has a control group (memory, processors, processes), runs as nobody without any capability, and can be
frozen at its memory limit where the kernel does that. As an ordinary user, or where no control group may be made:

- the command runs as that user in a user namespace: what is mounted writable it writes with the user's own rights;
- what all processes of a call hold is added up every 20 ms, so that it can be above its limit for that long, each of
  them by 256 MiB at most (RLIMIT_DATA); memory that no process maps (pipes, files that are open and deleted) is not
  seen, and the system calls that make most of it are refused;
- as root each call has a user id of its own between 0x70000000 and 0x7fff0000 instead of nobody's, since the kernel
  then counts processes by user;
- a refused fork is only known of when as many processes still run at such a look;
- `cpus` is rounded up to whole processors, and nothing is told about time and memory used;
- nothing is frozen: a call at its memory limit is stopped.

Everywhere: a writable mount is the host's own disk, where only the size of each file is limited; and where the machine
is neither x86-64 nor ARM 64, system calls are not filtered.
"""

import contextlib
import os
import shutil
import time
from pathlib import Path

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.cgroups.leftovers import sweep
from opswright.sandboxes.cgroups.opening import groups_freeze, open_group
from opswright.sandboxes.commands import check
from opswright.sandboxes.feeding import Source, written_to
from opswright.sandboxes.ports import DEFAULT_LIMITS, MIB, Command, Completed, Halted, Limit, Limits, OnMemory, never
from opswright.sandboxes.process import layout
from opswright.sandboxes.process.running import Running
from opswright.sandboxes.process.starting import Plan, start
from opswright.sandboxes.process.streams import Streams
from opswright.sandboxes.process.watching import Watch

_STOPPED = 128 + 9
_PROBE = Limits(memory_bytes=64 * MIB, pids=8, disk_bytes=MIB, seconds=20.0, output_bytes=4096)


class ProcessSandbox:
    """Holds nothing between calls; what calls of dead owners left is removed when it opens. See the module's text.

    Raises SandboxUnavailable where bubblewrap is missing or may not make namespaces. `grouped=False` does without
    control groups, as on a machine that permits none.
    """

    def __init__(self, grouped: bool = True) -> None:
        found = shutil.which("bwrap")
        if found is None:
            raise SandboxUnavailable("the process sandbox needs bubblewrap (the program bwrap), which is not installed")
        sweep()
        self._plan = Plan(found, os.geteuid() == 0, grouped and _may_group(), _home())
        self._freezes = self._plan.grouped and groups_freeze()
        probe = self.run(Command(["true"]), _PROBE)
        if not probe.succeeded:
            reason = probe.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise SandboxUnavailable(f"the process sandbox does not work here: {reason or probe.exit_code}")

    @property
    def name(self) -> str:
        return "process"

    @property
    def freezes(self) -> bool:
        return self._freezes

    def run(
        self,
        command: Command,
        limits: Limits = DEFAULT_LIMITS,
        on_memory: OnMemory | None = None,
        halted: Halted = never,
    ) -> Completed:
        check(command, limits)
        with contextlib.closing(Source(command.stdin)) as given, written_to(command.stdout_to) as to:
            running = start(self._plan, command, limits, freeze=self._freezes and on_memory is not None)
            streams = Streams(
                running.stdin, running.stdout, running.stderr, given, limits.output_bytes, running.monitor, to
            )
            try:
                return _watched(running, Watch(command, limits, running, streams, on_memory, halted))
            finally:
                streams.close()
                running.close()

    def close(self) -> None:
        """Nothing is held."""


def _watched(running: Running, watch: Watch) -> Completed:
    command, folder, group, streams = watch.command, watch.folder, running.group, watch.streams
    began = time.monotonic()
    # While limits are watched: where there is no memory for so long a line, nobody takes all of it.
    streams.give(running.gate(), Source(layout.line(command)))
    stopped_by = watch.until_end()
    seconds = time.monotonic() - began - watch.asked_s
    met = watch.met | (group.met() if group is not None else set())  # now: ending it lets nothing fork any more
    running.end()
    streams.drain()
    if group is not None and group.killed_at_memory():
        stopped_by = stopped_by or Limit.MEMORY
    collected, too_large = folder.take(command.collect, watch.limits.disk_bytes)
    met |= {limit for limit, is_met in _at_the_end(streams, folder.full() or too_large, stopped_by).items() if is_met}
    return Completed(
        exit_code=_STOPPED if stopped_by else running.exit_code() or 0,
        stdout=streams.text("stdout"),
        stderr=streams.text("stderr"),
        seconds=seconds,
        stopped_by=stopped_by,
        met=frozenset(met),
        cut=streams.cut,
        collected=collected,
        cpu_seconds=None if group is None else group.cpu_seconds(),
        peak_memory_bytes=None if group is None else group.peak_memory(),
    )


def _at_the_end(streams: Streams, full: bool, stopped_by: Limit | None) -> dict[Limit, bool]:
    found = {Limit.OUTPUT: bool(streams.cut), Limit.DISK: full}
    return {**found, stopped_by: True} if stopped_by else found


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # a user without any
        return None


def _may_group() -> bool:
    group = open_group(None, Limits(memory_bytes=16 * MIB, pids=1), freeze=False)
    if group is None:
        return False
    group.close()
    return True
