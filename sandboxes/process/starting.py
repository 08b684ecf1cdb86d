"""Starts bubblewrap up to the point where everything is limited and nothing of the command has run yet.

    us -> bubblewrap's monitor -> the namespace's first process -> prlimit, setpriv, the gate, then the command

The kernel kills the monitor when our thread dies, the first process when the monitor dies, and with the first process
everything in the namespace. So a kill -9 of ours ends a call, and an ended call has left no process.
"""

import json
import math
import os
import random
import resource
from dataclasses import dataclass, replace
from pathlib import Path

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.cgroups.opening import open_group
from opswright.sandboxes.commands import NOBODY
from opswright.sandboxes.ports import MIB, Command, Limits
from opswright.sandboxes.process import layout, seccomp
from opswright.sandboxes.process.folder import WorkingFolder
from opswright.sandboxes.process.running import Running
from opswright.sandboxes.process.spawning import readable, spawn
from opswright.sandboxes.process.usage import children_of, processes_counted_before

START_S = 30.0  # a start takes hundredths of a second; past this the machine is in trouble
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
    try:
        monitor, pipes = spawn(arguments, (0, layout.GATE), (1, 2, layout.READY, layout.INFO), texts)
    except OSError as error:
        raise SandboxUnavailable(f"bubblewrap does not start: {error.strerror}") from error
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
    running.group = open_group(None, replace(limits, pids=limits.pids + 1), freeze)
    if running.group is None:
        raise SandboxUnavailable("the kernel does not let this process make a control group any more")
    running.group.adopt(running.first_pid)
    running.group.adopt(gate)


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


def _first_process(info: int) -> int:
    """The number bubblewrap tells; 0 when it failed before."""
    text = b""
    while not text.rstrip().endswith(b"}"):
        if not readable(info, START_S) or not (chunk := os.read(info, 4096)):
            return 0
        text += chunk
    return int(json.loads(text)["child-pid"])


def _ready(ready: int) -> bool:
    return readable(ready, START_S) and os.read(ready, 1) != b""


def _complaint(stderr: int) -> str:
    """The first line it wrote before it failed."""
    text = os.read(stderr, 4096) if readable(stderr, 1.0) else b""
    return text.decode("utf-8", "replace").strip().partition("\n")[0] or "no reason given"
