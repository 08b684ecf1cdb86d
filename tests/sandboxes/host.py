"""What the host shows of a sandbox: processes by a mark in their arguments, groups, mounts, temporary folders."""

import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from opswright.sandboxes.cgroups.mounts import hierarchies
from opswright.sandboxes.cgroups.owners import owner_of, this_process
from opswright.sandboxes.ports import Command

PYTHON = "python3"


def new_mark() -> str:
    """A word that no other process has in its arguments."""
    return f"mark-{secrets.token_hex(8)}"


def python(code: str, *arguments: str) -> Command:
    """A Python program as a command."""
    return Command([PYTHON, "-c", code, *arguments])


def processes_with(mark: str) -> list[int]:
    """Processes of the whole machine with this word among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0]
            except OSError:
                continue
            if mark.encode() in words and state not in "ZX":
                found.append(int(entry.name))
    return found


def own_groups() -> list[Path]:
    """Control groups that this process made and has not removed."""
    found = hierarchies()
    roots = {hierarchy.at for hierarchy in (*found.v1.values(), *([found.v2] if found.v2 else []))}
    own = this_process()
    return [
        Path(folder, name)
        for root in roots
        for folder, names, _ in os.walk(root)
        for name in names
        if owner_of(name) == own
    ]


@dataclass(frozen=True)
class Traces:
    """What a call could leave; other work on the machine does not show in it."""

    groups: tuple[str, ...]
    mounts: tuple[str, ...]
    temporary: tuple[str, ...]
    descriptors: int

    @classmethod
    def now(cls) -> "Traces":
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
        folder = Path(tempfile.gettempdir())
        ours = [line for line in mounts if line.split()[4].startswith((str(folder), "/newroot", "/oldroot"))]
        temporary = [path.name for path in folder.iterdir()]  # the contract gives the test run one of its own
        return cls(
            tuple(sorted(map(str, own_groups()))),
            tuple(sorted(ours)),
            tuple(sorted(temporary)),
            len(list(Path("/proc/self/fd").iterdir())),
        )
