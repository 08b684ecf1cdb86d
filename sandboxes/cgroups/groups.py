"""The face of a call's control group, and the few file operations that the kernel offers for it."""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Protocol

from opswright.sandboxes.ports import Limit

EMPTY_WAIT_S = 10.0  # how long the kernel may take to bury what was killed


class CallGroup(Protocol):
    """One call's own group: whatever the call starts is born into it and cannot leave it."""

    @property
    def name(self) -> str:
        """Names the owner, so that what a dead one left can be told apart."""
        ...

    @property
    def freezes(self) -> bool:
        """Whether the call pauses at its memory limit instead of being killed there."""
        ...

    def adopt(self, pid: int) -> None:
        """Moves a process (as this process's namespace numbers it) into the group. Raises OSError when it is gone."""
        ...

    def frozen(self) -> bool:
        """Is the call waiting at its memory limit right now?"""
        ...

    def raise_memory(self, size_bytes: int) -> None:
        """A new memory limit; a call that waited at the old one goes on."""
        ...

    def pause(self) -> None:
        """Stops everything in the group where it is; nothing where the kernel cannot."""
        ...

    def resume(self) -> None:
        """Lets it go on."""
        ...

    def kill(self) -> None:
        """Ends everything in the group with SIGKILL and returns when the kernel has buried it."""
        ...

    def pids(self) -> tuple[int, ...]:
        """The processes in the group that are visible from here."""
        ...

    def peak_memory(self) -> int | None:
        """The most memory it ever held, in bytes, files in a tmpfs included; None where the kernel does not say."""
        ...

    def cpu_seconds(self) -> float | None:
        """Seconds of processor time used up; None where the kernel does not say."""
        ...

    def killed_at_memory(self) -> bool:
        """Has the kernel killed something in it for want of memory?"""
        ...

    def met(self) -> frozenset[Limit]:
        """The limits it met so far: memory, processor, processes. To be asked, as all figures, before `close`."""
        ...

    def close(self) -> None:
        """Kills what is left and removes the group; idempotent."""
        ...


class Tree:
    """A folder of control files below `root`. Tests hand in one that behaves as the kernel would."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str) -> str:
        """A control file's text; empty when the file or the group is not there."""
        try:
            return (self.root / path).read_text(encoding="ascii").strip()
        except OSError:
            return ""

    def write(self, path: str, text: str) -> None:
        """Raises OSError (not permitted, gone, busy). Never creates a file."""
        descriptor = os.open(self.root / path, os.O_WRONLY)
        try:
            os.write(descriptor, text.encode("ascii"))
        finally:
            os.close(descriptor)

    def has(self, path: str) -> bool:
        """Is the control file there?"""
        return (self.root / path).exists()

    def make(self, path: str) -> None:
        """Makes a group. Raises OSError."""
        (self.root / path).mkdir()

    def remove(self, path: str) -> None:
        """Removes an empty group. Raises OSError while something is in it."""
        (self.root / path).rmdir()

    def kill(self, pid: int, path: str) -> None:
        """SIGKILL to a process that is still listed in this control file; nothing when it is gone."""
        with contextlib.suppress(OSError):
            process = os.pidfd_open(pid)
            try:
                if str(pid) in self.read(path).split():  # the number was not given to another meanwhile
                    signal.pidfd_send_signal(process, signal.SIGKILL)
            finally:
                os.close(process)


def counted(text: str, name: str) -> int:
    """The number after a name in a control file of `name number` lines; 0 when there is none."""
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return 0


def visible(text: str) -> tuple[int, ...]:
    """Process numbers of a `cgroup.procs` file; 0 stands for one of another namespace and is left out."""
    return tuple(int(line) for line in text.split() if line.isdecimal() and line != "0")


def remove_when_empty(tree: Tree, path: str) -> None:
    """Removes a group as soon as the kernel has buried what was in it. Raises OSError when that never comes."""
    give_up = time.monotonic() + EMPTY_WAIT_S
    while True:
        try:
            tree.remove(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > give_up:
                raise
        time.sleep(0.002)  # a killed process is gone within moments; the kernel offers nothing to wait on here
