"""Starts bubblewrap up to the point where everything is limited and nothing of the command has run yet.

    us -> bubblewrap's monitor -> the namespace's first process -> prlimit, setpriv, the gate, then the command

The kernel kills the monitor when our thread dies, the first process when the monitor dies, and with the first process
everything in the namespace. So a kill -9 of ours ends a call, and an ended call has left no process.
"""

import contextlib
import fcntl
import json
import math
import os
import random
import resource
import select
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.cgroups.groups import CallGroup
from opswright.sandboxes.cgroups.opening import open_group
from opswright.sandboxes.commands import NOBODY
from opswright.sandboxes.ports import MIB, Command, Limits
from opswright.sandboxes.process import layout, seccomp
from opswright.sandboxes.process.folder import WorkingFolder
from opswright.sandboxes.process.usage import children_of, processes_counted_before

START_S = 30.0  # a start takes hundredths of a second; past this the machine is in trouble
END_S = 10.0
_OPEN_FILES = 1024
_USERS = (0x70000000, 0x7FFF0000)  # no system hands these out, not even to containers
_LEAP_BYTES = 256 * MIB


@dataclass(frozen=True)
class Plan:
    """How calls are started on this machine. `grouped`: each has a control group."""

    bubblewrap: str
    as_root: bool
    grouped: bool
    home: Path | None


class Running:
    """A call that waits at its gate, then runs. Descriptors `stdin`, `stdout`, `stderr` are the caller's to close."""

    def __init__(self, monitor: int, pipes: Mapping[int, int]) -> None:
        self.stdin, self.stdout, self.stderr = pipes[0], pipes[1], pipes[2]
        self.monitor = os.pidfd_open(monitor)
        self.first_pid = 0
        self.first = -1  # the first process of the namespace, once it is known
        self.folder: WorkingFolder | None = None
        self.group: CallGroup | None = None
        self._gate = pipes[layout.GATE]
        self._exit_code: int | None = None

    def go(self, line: bytes) -> None:
        """Opens the gate."""
        with os.fdopen(self._gate, "wb") as gate, contextlib.suppress(BrokenPipeError):
            self._gate = -1
            gate.write(line)

    def exit_code(self) -> int | None:
        """Of the command, as a shell gives it; None while it runs."""
        if self._exit_code is None:
            ended = os.waitid(os.P_PIDFD, self.monitor, os.WEXITED | os.WNOHANG)
            if ended is not None:
                self._exit_code = ended.si_status + (0 if ended.si_code == os.CLD_EXITED else 128)
        return self._exit_code

    def end(self) -> None:
        """Kills whatever runs and returns when all of it is gone. Raises SandboxUnavailable when it does not go."""
        if self.group is not None:
            self.group.kill()
        for process in (self.first, self.monitor):
            if process >= 0:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                if not _readable(process, END_S):
                    raise SandboxUnavailable("a command in the sandbox was killed and does not end")
        self.exit_code()  # buries the monitor

    def close(self) -> None:
        """Ends it and lets go of everything but the three pipes; idempotent."""
        if self.monitor < 0:
            return
        try:
            self.end()
        finally:
            if self.folder is not None:
                self.folder.close()
            for descriptor in (self._gate, self.first, self.monitor):
                if descriptor >= 0:
                    os.close(descriptor)
            self.folder, self._gate, self.first, self.monitor = None, -1, -1, -1
            if self.group is not None:
                self.group.close()


def start(plan: Plan, command: Command, limits: Limits, freeze: bool) -> Running:
    """A call at its gate: namespaces, limits and user set, files in place. Raises SandboxUnavailable, InputError."""
    options = layout.bubblewrap_options(command, limits, plan.as_root, plan.home, seccomp.program(True) is not None)
    user = _user(plan)
    chain = layout.programs(user, _resources(plan, limits))
    arguments = [plan.bubblewrap, "--args", str(layout.OPTIONS), "--", *chain]
    passwd, group = layout.accounts(*((os.getuid(), os.getgid()) if user is None else (user, user)))
    texts = {
        layout.OPTIONS: b"\0".join(os.fsencode(option) for option in options) + b"\0",
        layout.SECCOMP: seccomp.program(plan.grouped) or b"",
        layout.PASSWD: passwd,
        layout.GROUP: group,
    }
    monitor, pipes = _spawn(arguments, texts)
    running = Running(monitor, pipes)
    try:
        running.first_pid = _first_process(pipes[layout.INFO])
        running.first = os.pidfd_open(running.first_pid) if running.first_pid else -1
        if not running.first_pid or not _ready(pipes[layout.READY]):
            raise SandboxUnavailable(f"bubblewrap cannot start a command here: {_complaint(running.stderr)}")
        _limit(plan, running, limits, freeze)
        descriptor = os.open(f"/proc/{running.first_pid}/root{layout.FOLDER}", os.O_RDONLY | os.O_DIRECTORY)
        running.folder = WorkingFolder(descriptor, user)
        running.folder.put(command.files)
    except BaseException as error:
        running.close()
        for pipe in (running.stdin, running.stdout, running.stderr):
            os.close(pipe)
        if isinstance(error, OSError):  # a process that vanished, a folder that cannot be reached
            raise SandboxUnavailable(f"the process sandbox cannot be set up: {error}") from error
        raise
    finally:
        os.close(pipes[layout.INFO])
        os.close(pipes[layout.READY])
    return running


def _user(plan: Plan) -> int | None:
    """Nobody, where a control group counts the call's processes; else a user that only this call has, since the kernel
    counts by user and a neighbour's processes would be counted with the call's.
    """
    if not plan.as_root:
        return None
    return NOBODY if plan.grouped else random.SystemRandom().randrange(*_USERS)


def _limit(plan: Plan, running: Running, limits: Limits, freeze: bool) -> None:
    gate = next(iter(children_of(running.first_pid)), None)
    if gate is None:
        raise SandboxUnavailable("bubblewrap ended before the command began")
    if not plan.grouped:
        processors = sorted(os.sched_getaffinity(0))
        count = min(len(processors), math.ceil(limits.cpus))
        os.sched_setaffinity(gate, random.sample(processors, count))
        return
    # The namespace's first process is ours, so the command gets one more.
    running.group = open_group(None, _with_one_more(limits), freeze)
    if running.group is None:
        raise SandboxUnavailable("the kernel does not let this process make a control group any more")
    running.group.adopt(running.first_pid)
    running.group.adopt(gate)


def _with_one_more(limits: Limits) -> Limits:
    return Limits(memory_bytes=limits.memory_bytes, cpus=limits.cpus, pids=limits.pids + 1)


def _resources(plan: Plan, limits: Limits) -> list[str]:
    """Arguments of prlimit. A file may be as large as all the room there is, so that a full disk shows as such."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    values = {"core": 0, "fsize": limits.disk_bytes + resource.getpagesize(), "nofile": files}
    if not plan.grouped:
        # The namespace's first process counts with whoever it belongs to, and so may other processes of that user.
        values["nproc"] = limits.pids + (0 if plan.as_root else 1 + processes_counted_before())
        # Looking at all processes together stops a call at its limit; this only bounds a leap between two looks.
        values["data"] = limits.memory_bytes + _LEAP_BYTES
        values["cpu"] = math.ceil(limits.seconds * limits.cpus) + 1
    return [f"--{name}={value}:{value}" for name, value in values.items()]


def _spawn(arguments: list[str], texts: Mapping[int, bytes]) -> tuple[int, dict[int, int]]:
    """Starts it in a session of its own with nothing of our environment. Returns its pid and our ends of its pipes."""
    ours: dict[int, int] = {}
    theirs: dict[int, int] = {}
    with contextlib.ExitStack() as opened:
        for target in (0, 1, 2, layout.GATE, layout.READY, layout.INFO):
            reading, writing = os.pipe()
            mine, other = (writing, reading) if target in (0, layout.GATE) else (reading, writing)
            ours[target], theirs[target] = mine, other
            opened.callback(os.close, other)
        for target, text in texts.items():
            theirs[target] = _memory_file(text)
            opened.callback(os.close, theirs[target])
        try:
            pid = os.posix_spawn(
                arguments[0],
                arguments,
                {},
                file_actions=[*_descriptors(theirs, opened), *_inherited()],
                setsid=True,
                setsigmask=[],
                setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )
        except OSError as error:
            for descriptor in ours.values():
                os.close(descriptor)
            raise SandboxUnavailable(f"bubblewrap does not start: {error.strerror}") from error
    return pid, ours


def _descriptors(theirs: Mapping[int, int], opened: contextlib.ExitStack) -> Iterator[tuple[int, int, int]]:
    for target, descriptor in theirs.items():
        # Out of the way first: one of them may have the number that another one is to get.
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 20)
        opened.callback(os.close, high)
        yield (os.POSIX_SPAWN_DUP2, high, target)


def _inherited() -> Iterator[tuple[int, int]]:
    """Whatever else our own caller left open for its children is no business of the command."""
    for entry in os.scandir("/proc/self/fd"):
        descriptor = int(entry.name)
        with contextlib.suppress(OSError):  # the listing's own is gone by now
            if descriptor > layout.INFO and os.get_inheritable(descriptor):
                yield (os.POSIX_SPAWN_CLOSE, descriptor)


def _memory_file(text: bytes) -> int:
    descriptor = os.memfd_create("opswright", os.MFD_CLOEXEC)
    os.write(descriptor, text)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _first_process(info: int) -> int:
    """The number bubblewrap tells; 0 when it failed before."""
    text = b""
    while not text.rstrip().endswith(b"}"):
        if not _readable(info, START_S) or not (chunk := os.read(info, 4096)):
            return 0
        text += chunk
    return int(json.loads(text)["child-pid"])


def _ready(ready: int) -> bool:
    return _readable(ready, START_S) and os.read(ready, 1) != b""


def _complaint(stderr: int) -> str:
    """The first line it wrote before it failed."""
    text = os.read(stderr, 4096) if _readable(stderr, 1.0) else b""
    return text.decode("utf-8", "replace").strip().partition("\n")[0] or "no reason given"


def _readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()  # select() cannot watch descriptors above 1023
    poll.register(descriptor, select.POLLIN)
    give_up = time.monotonic() + seconds
    while not (events := poll.poll(max(0.0, give_up - time.monotonic()) * 1000)):
        if time.monotonic() >= give_up:
            return False
    return bool(events)
