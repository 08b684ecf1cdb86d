"""What did a call use, and which limits did it meet? Where it has a control group of its own, that says it; elsewhere
the container is its group and is asked from inside, by a process of another user once nothing of the call lives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opswright.sandboxes.cgroups.groups import counted
from opswright.sandboxes.container.cell import FOR_STARTING, SCRATCH
from opswright.sandboxes.ports import Limit

_FILES = (
    "memory/memory.oom_control", "memory/memory.max_usage_in_bytes", "cpuacct/cpuacct.usage", "cpu/cpu.stat",
    "pids/pids.events", "memory.events", "memory.peak", "cpu.stat", "pids.events",
)  # fmt: skip
# Prints each file after its name; the first line: blocks and files that are still free where the call could write.
REPORT = f"""
set -- {" ".join(_FILES)}
stat -f -c '%f %d' {SCRATCH} || echo '- -'
for file do
  echo "== $file"
  [ -r "/sys/fs/cgroup/$file" ] && cat "/sys/fs/cgroup/$file"
done
"""


@dataclass(frozen=True)
class Figures:
    """`killed`: the kernel killed something for want of memory."""

    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    killed: bool = False
    met: frozenset[Limit] = frozenset()


def from_report(text: str) -> Figures:
    """What `REPORT` printed, in either version of control groups. Of an empty report nothing is known."""
    first, *rest = text.split("== ")
    files = {name.strip(): content.strip() for name, _, content in (part.partition("\n") for part in rest)}

    def number(name: str) -> int | None:
        return int(files[name]) if files.get(name, "").isdecimal() else None

    v1_cpu, v2_cpu = number("cpuacct/cpuacct.usage"), counted(files.get("cpu.stat", ""), "usage_usec")
    peak = number("memory/memory.max_usage_in_bytes")
    killed = _any(files, "oom_kill", "memory/memory.oom_control", "memory.events")
    met = {
        Limit.MEMORY: killed,
        Limit.CPU: _any(files, "nr_throttled", "cpu/cpu.stat", "cpu.stat"),
        Limit.PIDS: _any(files, "max", "pids/pids.events", "pids.events"),
        Limit.DISK: "0" in first.split(),
    }
    return Figures(
        cpu_seconds=v1_cpu / 1e9 if v1_cpu is not None else v2_cpu / 1e6 if v2_cpu else None,
        peak_memory_bytes=number("memory.peak") if peak is None else peak,
        killed=killed,
        met=frozenset(limit for limit, is_met in met.items() if is_met),
    )


def from_engine(stats: Mapping[str, Any]) -> Figures:
    """What the engine counts of a container in which no process could be started any more; less than a report."""
    memory, processes, cpu = (stats.get(name) or {} for name in ("memory_stats", "pids_stats", "cpu_stats"))
    current, limit = processes.get("current") or 0, processes.get("limit") or 0
    total = (cpu.get("cpu_usage") or {}).get("total_usage")
    throttled = (cpu.get("throttling_data") or {}).get("throttled_periods") or 0
    peak, most = memory.get("max_usage"), memory.get("limit")
    met = {
        Limit.PIDS: 0 < limit < current + FOR_STARTING,
        Limit.CPU: throttled > 0,
        Limit.MEMORY: bool(peak and most and peak >= most),
    }
    return Figures(
        cpu_seconds=total / 1e9 if total else None,
        peak_memory_bytes=peak,
        met=frozenset(limit for limit, is_met in met.items() if is_met),
    )


def _any(files: Mapping[str, str], counter: str, *names: str) -> bool:
    return any(counted(files.get(name, ""), counter) > 0 for name in names)
