"""What a container tells of its own use, in either version of control groups."""

import pytest

from opswright.sandboxes.container.figures import Figures, from_engine, from_report
from opswright.sandboxes.ports import Limit

_V1 = """120 30
== memory/memory.oom_control
oom_kill_disable 0
under_oom 0
oom_kill {killed}
== memory/memory.max_usage_in_bytes
4194304
== cpuacct/cpuacct.usage
1500000000
== cpu/cpu.stat
nr_periods 9
nr_throttled {throttled}
== pids/pids.events
max {refused}
== memory.events
== memory.peak
== cpu.stat
== pids.events
"""
_V2 = """120 {free}
== memory/memory.oom_control
== memory/memory.max_usage_in_bytes
== cpuacct/cpuacct.usage
== cpu/cpu.stat
== pids/pids.events
== memory.events
low 0
oom 1
oom_kill 1
== memory.peak
4194304
== cpu.stat
usage_usec 1500000
nr_throttled 2
== pids.events
max 3
"""


@pytest.mark.parametrize(
    "report, expected",
    [
        (_V1.format(killed=0, throttled=0, refused=0), Figures(1.5, 4194304)),
        (
            _V1.format(killed=1, throttled=4, refused=2),
            Figures(1.5, 4194304, True, frozenset({Limit.MEMORY, Limit.CPU, Limit.PIDS})),
        ),
        (
            _V2.format(free=0),
            Figures(1.5, 4194304, True, frozenset({Limit.MEMORY, Limit.CPU, Limit.PIDS, Limit.DISK})),
        ),
        ("- -\n", Figures()),
        ("", Figures()),
    ],
)
def test_a_report_is_read(report: str, expected: Figures) -> None:
    assert from_report(report) == expected


def test_the_engines_own_count_is_read_as_far_as_it_goes() -> None:
    stats = {
        "memory_stats": {"max_usage": 4096, "limit": 8192},
        "pids_stats": {"current": 26, "limit": 26},
        "cpu_stats": {"cpu_usage": {"total_usage": 2_000_000_000}, "throttling_data": {"throttled_periods": 0}},
    }
    assert from_engine(stats) == Figures(2.0, 4096, met=frozenset({Limit.PIDS}))
    assert from_engine({"memory_stats": {}, "pids_stats": {"current": 1, "limit": 64}, "cpu_stats": None}) == Figures()
