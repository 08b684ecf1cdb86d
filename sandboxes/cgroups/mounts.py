"""Where are this machine's control groups mounted, and in which of them are we?"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

V1_CONTROLLERS = ("memory", "cpu", "cpuacct", "pids", "freezer")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted hierarchy: `at` its mount point, `top` the group that is seen there, `own` our group below `at`."""

    at: Path
    top: str
    own: str


@dataclass(frozen=True)
class Hierarchies:
    """All of them: v1 by controller, and the unified one (v2), which carries no controller where v1 has them."""

    v1: Mapping[str, Hierarchy]
    v2: Hierarchy | None
    v2_controllers: frozenset[str]


def hierarchies(proc: Path = Path("/proc/self")) -> Hierarchies:
    """Read afresh from the kernel; empty on a system without control groups."""
    try:
        mounts = (proc / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        own = _own_groups((proc / "cgroup").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return Hierarchies({}, None, frozenset())
    v1: dict[str, Hierarchy] = {}
    v2 = None
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        top, at = fields[3], Path(fields[4].replace("\\040", " "))
        if kind[0] == "cgroup2":
            v2 = Hierarchy(at, top, _below(own.get("", "/"), top))
        elif kind[0] == "cgroup":
            for controller in set(kind[2].split(",")).intersection(V1_CONTROLLERS):
                v1[controller] = Hierarchy(at, top, _below(own.get(controller, "/"), top))
    return Hierarchies(v1, v2, _controllers(v2))


def _own_groups(text: str) -> dict[str, str]:
    """Controller to path, of /proc/self/cgroup; the unified hierarchy has the empty name."""
    groups: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _below(path: str, top: str) -> str:
    """A group's path below what is mounted: in a container, the mount shows the container's own group as its root."""
    inside = path.removeprefix(top.rstrip("/")) if path.startswith(top.rstrip("/") + "/") or path == top else path
    return inside.strip("/")


def _controllers(v2: Hierarchy | None) -> frozenset[str]:
    if v2 is None:
        return frozenset()
    try:
        return frozenset((v2.at / "cgroup.controllers").read_text(encoding="ascii").split())
    except OSError:
        return frozenset()
