"""A call's group on the kernel that runs this: version 1 where it has it, else version 2."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opswright.sandboxes.cgroups.groups import CallGroup
from opswright.sandboxes.cgroups.leftovers import leftovers, sweep
from opswright.sandboxes.cgroups.mounts import Hierarchies, Hierarchy, hierarchies
from opswright.sandboxes.cgroups.opening import groups_freeze, open_group
from opswright.sandboxes.ports import MIB, Limit, Limits
from tests.live import unavailable
from tests.processes import Child, is_gone, wait_for
from tests.sandboxes.cgroups.kernel import V1_FILES, V1Tree
from tests.sandboxes.host import own_groups
from tests.sandboxes.process.ordinary_user import become_nobody

LIMITS = Limits(memory_bytes=32 * MIB, cpus=1.0, pids=10)
Process = subprocess.Popen[bytes]


@contextmanager
def started(code: str, limits: Limits = LIMITS, freeze: bool = False) -> Iterator[tuple[CallGroup, Process]]:
    """A Python program that began only after it was put into a group."""
    group = open_group(None, limits, freeze)
    if group is None:
        unavailable("no control group may be made here: that takes root and writable control groups")
    waiting = ["sh", "-c", 'read line && exec "$@"', "sh", sys.executable, "-c", code]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            group.adopt(process.pid)
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
            yield group, process
        finally:
            group.close()


@pytest.mark.live
def test_memory_is_limited() -> None:
    with started("bytearray(80 << 20)") as (group, process):
        assert process.wait(60) == -9
        assert group.killed_at_memory() and Limit.MEMORY in group.met()
        assert (group.peak_memory() or 0) <= LIMITS.memory_bytes


@pytest.mark.live
def test_a_call_waits_at_its_memory_limit_and_goes_on_when_it_is_raised() -> None:
    if not groups_freeze():
        pytest.skip("calls cannot be frozen here: that takes control groups of version 1, and root")
    with started("bytearray(80 << 20); print('done')", freeze=True) as (group, process):
        wait_for(group.frozen, "the call to freeze")
        group.pause()
        assert process.poll() is None
        group.raise_memory(120 * MIB)
        group.resume()
        assert process.communicate(timeout=60)[0] == b"done\n"
        assert Limit.MEMORY in group.met() and not group.killed_at_memory()


@pytest.mark.live
def test_a_call_that_waits_and_is_paused_can_be_killed() -> None:
    with started("bytearray(80 << 20)", freeze=True) as (group, process):
        if group.freezes:
            wait_for(group.frozen, "the call to freeze")
        group.pause()
        group.kill()
        assert process.wait(60) == -9 and group.pids() == ()


_SENDS = """
import socket
listening, held, sent = socket.create_server(("127.0.0.1", 0)), [], 0
for _ in range(100):
    client = socket.create_connection(listening.getsockname())
    held += [client, listening.accept()[0]]
    client.setblocking(False)
    try:
        while sent < 200 << 20:
            sent += client.send(bytes(65536))
    except BlockingIOError:
        pass
print(sent >> 20)
"""


@pytest.mark.live
def test_what_tcp_buffers_is_limited() -> None:
    with started(_SENDS) as (group, process):
        said = process.communicate(timeout=60)[0]
        assert group.killed_at_memory() or int(said) <= 2 * (LIMITS.memory_bytes >> 20)


@pytest.mark.live
def test_processors_are_shared_out_and_counted() -> None:
    code = "import time\nend = time.monotonic() + 0.6\nwhile time.monotonic() < end: pass"
    with started(code, Limits(memory_bytes=64 * MIB, cpus=0.1, pids=5)) as (group, process):
        assert process.wait(60) == 0
        assert Limit.CPU in group.met()
        assert 0.0 < (group.cpu_seconds() or 0.0) < 0.5


@pytest.mark.live
def test_a_fork_bomb_stays_inside_and_ends_at_once() -> None:
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    with started(bomb, Limits(memory_bytes=200 * MIB, pids=30)) as (group, process):
        wait_for(lambda: Limit.PIDS in group.met(), "the limit to be met")
        assert len(group.pids()) <= 30
        group.kill()
        assert group.pids() == ()
        assert process.wait(60) == -9


@pytest.mark.live
def test_a_closed_group_is_gone_everywhere() -> None:
    with started("input()") as (group, process):
        assert own_groups()
        group.close()
        group.close()
        assert own_groups() == [] and is_gone(process.pid)


@pytest.mark.live
def test_a_parent_that_is_not_there_means_no_group_and_no_trace() -> None:
    assert open_group("no/such/parent", LIMITS, freeze=False) is None
    assert own_groups() == []


@pytest.mark.live
@pytest.mark.parametrize("paused", [False, True])
def test_what_a_killed_owner_left_is_found_and_ended(paused: bool) -> None:
    def work(say: Callable[[str], None]) -> None:
        group = open_group(None, LIMITS, freeze=False)
        if group is None:
            say("none")
            return
        process = subprocess.Popen(["sleep", "600"])
        group.adopt(process.pid)
        if paused:
            group.pause()
        say(f"{process.pid} {group.name}")
        process.wait()

    child = Child(work)
    said = child.line()
    if said == "none":
        unavailable("no control group may be made here: that takes root and writable control groups")
    pid, name = said.split()
    assert name not in {path.name for path in leftovers()}  # its owner lives
    child.kill()
    assert name in {path.name for path in leftovers()}
    assert not is_gone(int(pid))
    assert sweep() >= 1
    assert is_gone(int(pid)) and name not in {path.name for path in leftovers()}


@pytest.mark.live
def test_an_ordinary_user_leaves_what_root_left() -> None:
    def leave(say: Callable[[str], None]) -> None:
        group = open_group(None, LIMITS, freeze=False)
        say("none" if group is None else group.name)

    def sweep_as_nobody(say: Callable[[str], None]) -> None:
        become_nobody()
        say(str(sweep()))

    sweep()
    owner = Child(leave)
    name = owner.line()
    if name == "none":
        unavailable("no control group may be made here: that takes root and writable control groups")
    owner.wait()
    other = Child(sweep_as_nobody)
    assert other.line() == "0" and other.wait() == 0
    assert name in {path.name for path in leftovers()}
    sweep()
    assert name not in {path.name for path in leftovers()}


def test_two_controllers_may_share_one_hierarchy(tmp_path: Path) -> None:
    for name in ("memory", "cpu,cpuacct", "pids"):
        (tmp_path / name).mkdir()
    places = {"memory": "memory", "cpu": "cpu,cpuacct", "cpuacct": "cpu,cpuacct", "pids": "pids"}
    found = Hierarchies({c: Hierarchy(tmp_path / at, "/", "") for c, at in places.items()}, None, frozenset())
    group = open_group(None, Limits(memory_bytes=MIB, cpus=0.5, pids=3), True, found, V1Tree)
    assert group is not None and group.freezes
    paths = {at: tmp_path / at / group.name for at in places.values()}
    assert (paths["memory"] / "memory.limit_in_bytes").read_text() == str(MIB)
    assert (paths["memory"] / "memory.memsw.limit_in_bytes").read_text() == str(MIB)
    assert (paths["cpu,cpuacct"] / "cpu.cfs_quota_us").read_text() == "50000"
    assert (paths["pids"] / "pids.max").read_text() == "3"
    group.pause()  # there is no freezer: nothing to do
    group.close()
    assert not any(path.exists() for path in paths.values())


@pytest.mark.parametrize("lacking", ["memory.limit_in_bytes", "cpu.cfs_quota_us", "pids.max"])
def test_a_limit_that_cannot_be_set_means_no_group(tmp_path: Path, lacking: str) -> None:
    class Poor(V1Tree):
        def write(self, path: str, text: str) -> None:
            if path.endswith(lacking):
                raise PermissionError(13, "not permitted")
            super().write(path, text)

    assert lacking in V1_FILES
    names = ("memory", "cpu", "pids", "freezer")
    for name in names:
        (tmp_path / name).mkdir()
    found = Hierarchies({name: Hierarchy(tmp_path / name, "/", "") for name in names}, None, frozenset())
    assert open_group(None, LIMITS, False, found, Poor) is None
    assert [list((tmp_path / name).iterdir()) for name in names] == [[], [], [], []]


@pytest.mark.live
def test_this_machine_has_what_the_live_tests_need() -> None:
    found = hierarchies()
    if not (found.v1 or found.v2):
        unavailable("this system has no control groups")
    assert all(hierarchy.at.is_dir() for hierarchy in found.v1.values())
