"""A tree of files that behaves as the kernel's control groups do, as far as their documentation promises it."""

import errno
import os
from pathlib import Path

from opswright.sandboxes.cgroups.groups import Tree
from tests.processes import is_gone

V2_FILES = {
    "memory": {
        "memory.max": "max", "memory.high": "max", "memory.swap.max": "max", "memory.oom.group": "0",
        "memory.peak": "0", "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0",
    },
    "cpu": {"cpu.max": "max 100000", "cpu.stat": "usage_usec 0\nnr_throttled 0"},
    "pids": {"pids.max": "max", "pids.events": "max 0"},
}  # fmt: skip
V2_ALWAYS = {"cgroup.procs": "", "cgroup.subtree_control": "", "cgroup.freeze": "0", "cgroup.kill": ""}
V1_FILES = {
    "memory.limit_in_bytes": "-1", "memory.memsw.limit_in_bytes": "-1", "memory.max_usage_in_bytes": "0",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0", "cpu.cfs_period_us": "100000",
    "cpu.cfs_quota_us": "-1", "cpu.stat": "nr_throttled 0", "cpuacct.usage": "0", "pids.max": "max",
    "pids.events": "max 0", "freezer.state": "THAWED", "cgroup.procs": "",
}  # fmt: skip


class V1Tree(Tree):
    """Every group has the files of every controller; nothing is enforced."""

    def make(self, path: str) -> None:
        super().make(path)
        for name, text in V1_FILES.items():
            (self.root / path / name).write_text(text)

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text("") if (self.root / path).exists() else None
        super().write(path, text)

    def remove(self, path: str) -> None:
        for file in (self.root / path).iterdir():
            file.unlink()
        super().remove(path)


class V2Tree(Tree):
    """Version 2: `lacking` are files that an older kernel does not have."""

    lacking: frozenset[str] = frozenset()

    @classmethod
    def mounted(cls, root: Path) -> "V2Tree":
        """The root group, which alone may have both processes and children with controllers."""
        tree = cls(root)
        tree._fill("")
        (root / "cgroup.controllers").write_text("cpu memory pids")
        return tree

    def make(self, path: str) -> None:
        super().make(path)
        self._fill(path)

    def read(self, path: str) -> str:
        text = super().read(path)
        if Path(path).name != "cgroup.procs":
            return text
        return "\n".join(line for line in text.splitlines() if line == "0" or not is_gone(int(line)))

    def write(self, path: str, text: str) -> None:
        file, group = Path(path).name, str(Path(path).parent)
        if not self.has(path):
            raise FileNotFoundError(errno.ENOENT, "no such control file", path)
        if file == "cgroup.subtree_control":
            self._enable(group, text)
        elif file == "cgroup.procs":
            self._move(int(text), path)
        elif file == "cgroup.kill":
            for pid in self.read(f"{group}/cgroup.procs").split():
                os.kill(int(pid), 9)
        else:
            (self.root / path).write_text(text)

    def remove(self, path: str) -> None:
        if self.read(f"{path}/cgroup.procs"):
            raise OSError(errno.EBUSY, "not empty")
        if any(child.is_dir() for child in (self.root / path).iterdir()):
            raise OSError(errno.EBUSY, "has children")
        for file in (self.root / path).iterdir():
            file.unlink()
        super().remove(path)

    def set(self, path: str, text: str) -> None:
        """As if the kernel had counted."""
        (self.root / path).write_text(text)

    def _fill(self, path: str) -> None:
        enabled = self.read(f"{Path(path).parent}/cgroup.subtree_control").split() if path else []
        files = dict(V2_ALWAYS)
        for controller in enabled:
            files |= V2_FILES.get(controller, {})
        for name, text in files.items():
            if name not in self.lacking:
                (self.root / path / name).write_text(text)

    def _enable(self, group: str, text: str) -> None:
        if group != "." and self.read(f"{group}/cgroup.procs"):
            raise OSError(errno.EBUSY, "no internal processes")
        wanted = [word.removeprefix("+") for word in text.split()]
        above = "cgroup.controllers" if group == "." else f"{Path(group).parent}/cgroup.subtree_control"
        if not set(wanted) <= set(self.read(above).split()):
            raise OSError(errno.ENOENT, "a controller that is not there")
        (self.root / group / "cgroup.subtree_control").write_text(" ".join(wanted))

    def _move(self, pid: int, path: str) -> None:
        for file in self.root.rglob("cgroup.procs"):
            left = [line for line in file.read_text().splitlines() if line != str(pid)]
            file.write_text("\n".join(left))
        target = self.root / path
        target.write_text("\n".join([*target.read_text().splitlines(), str(pid)]))
