"""The port of a sandbox: one command with its own limits, and what became of it.

A container (Docker) and a process (bubblewrap and rlimits) offer the same face; `opening.py` picks one. What a command
does never raises: it is in the `Completed`. Only a sandbox that cannot run commands at all raises SandboxUnavailable.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

MIB = 1024 * 1024
WORKING_FOLDER = "/work"  # where a command starts, in every sandbox; also its HOME
FLOOD_FACTOR = 16  # a stream this many times longer than its limit ends the call; below that its end is thrown away


class Limit(StrEnum):
    """What a call may use up."""

    MEMORY = "memory"
    CPU = "cpu"  # a share: a call is slowed by it, never stopped
    PIDS = "pids"  # a refused fork; the call may go on
    DISK = "disk"  # a refused write; the call may go on
    TIME = "time"
    OUTPUT = "output"


@dataclass(frozen=True)
class Limits:
    """Hard limits of one call. `disk_bytes`: all it may write, but for writable mounts; its files live in memory and
    count as such too. `seconds`: by the wall clock, without the time an asked person takes; `output_bytes`: per stream.
    """

    memory_bytes: int = 512 * MIB
    cpus: float = 1.0
    pids: int = 64
    disk_bytes: int = 256 * MIB
    seconds: float = 60.0
    output_bytes: int = MIB
    network: bool = False

    def within(self, most: "Limits") -> "Limits":
        """The same, with nothing above `most`: what a task asks for never widens what the settings allow."""
        return replace(
            self,
            memory_bytes=min(self.memory_bytes, most.memory_bytes),
            cpus=min(self.cpus, most.cpus),
            pids=min(self.pids, most.pids),
            disk_bytes=min(self.disk_bytes, most.disk_bytes),
            seconds=min(self.seconds, most.seconds),
            output_bytes=min(self.output_bytes, most.output_bytes),
            network=self.network and most.network,
        )


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Mount:
    """A file or folder of the host that the command sees at `inside`; read-only unless `writable`.

    A sandbox that root opens runs its commands as a user without any rights (mostly nobody, 65534): what is mounted has
    to be readable, or writable, for others.
    """

    host: Path
    inside: str
    writable: bool = False


@dataclass(frozen=True)
class Command:
    """What to run: never a shell line. `files`: texts or bytes put into the working folder before it starts, by
    relative path; `collect`: relative paths read back from there when it has ended.

    `stdin` as a path is an ordinary file that we open (the command needs no right to it) and send as long as it is at
    the start; `stdout_to` is a file that we make anew, for its owner alone, with the command's output instead of
    `Completed.stdout`, and no more of it than `Limits.output_bytes`. Neither is ever whole in memory.
    """

    argv: Sequence[str]
    stdin: bytes | Path = b""
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Sequence[Mount] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    collect: Sequence[str] = ()
    stdout_to: Path | None = None


@dataclass(frozen=True)
class Completed:
    """How a call ended. `exit_code` as a shell gives it (128 + signal; 127: no such program); `stopped_by`: the limit
    that ended it (then `exit_code` is 137), else None; `met`: every limit it met, also those it survived; `cut`: the
    streams whose end is missing; `collected`: the files asked for that were there and fitted into `disk_bytes`.

    A call of which the kernel killed anything for want of memory was stopped by MEMORY, whatever the rest of it did.
    `cpu_seconds` and `peak_memory_bytes` are None where the backing cannot tell.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    stopped_by: Limit | None = None
    met: frozenset[Limit] = frozenset()
    cut: frozenset[str] = frozenset()
    collected: Mapping[str, bytes] = field(default_factory=dict)
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None

    @property
    def succeeded(self) -> bool:
        """It ended by itself, with 0."""
        return self.exit_code == 0 and self.stopped_by is None


@dataclass(frozen=True)
class MemoryAsk:
    """A call that is frozen at its memory limit. `used_bytes` is the limit it met."""

    argv: Sequence[str]
    used_bytes: int


# The new limit in bytes, with which the call goes on, or None to stop it.
OnMemory = Callable[[MemoryAsk], int | None]

# Has a person stopped the work? Asked several times a second for as long as a call runs; must not block.
Halted = Callable[[], bool]


def never() -> bool:
    """For calls that nobody stops."""
    return False


class Sandbox(Protocol):
    """Runs commands that nobody trusts. May be shared by threads; each call is alone with its limits."""

    @property
    def name(self) -> str:
        """`container` or `process`."""
        ...

    @property
    def freezes(self) -> bool:
        """Whether a call can be frozen at its memory limit and asked about; elsewhere it is stopped there."""
        ...

    def run(
        self,
        command: Command,
        limits: Limits = DEFAULT_LIMITS,
        on_memory: OnMemory | None = None,
        halted: Halted = never,
    ) -> Completed:
        """Runs one command to its end or its limit; whatever it started is gone afterwards.

        Raises KeyboardInterrupt once `halted()`, in whatever thread; InputError for a command that cannot be one (an
        empty argv, a file outside the working folder, a mount that is missing); SandboxUnavailable when the sandbox
        itself fails.
        """
        ...

    def close(self) -> None:
        """Lets go of what the sandbox holds (a container, a folder, control groups); idempotent."""
        ...
