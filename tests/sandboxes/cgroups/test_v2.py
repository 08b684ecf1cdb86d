"""Version 2 against a tree that behaves as documented; unproved on a live kernel until one ran `test_v1` with it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from opswright.sandboxes.cgroups.groups import CallGroup
from opswright.sandboxes.cgroups.leftovers import leftovers, sweep
from opswright.sandboxes.cgroups.mounts import Hierarchies, Hierarchy
from opswright.sandboxes.cgroups.opening import LEAF, open_group
from opswright.sandboxes.cgroups.owners import owner_of, this_process
from opswright.sandboxes.ports import MIB, Limit, Limits
from tests.processes import is_gone
from tests.sandboxes.cgroups.kernel import V2Tree

LIMITS = Limits(memory_bytes=100 * MIB, cpus=1.5, pids=7)


@pytest.fixture
def tree(tmp_path: Path) -> V2Tree:
    """system.slice, which may divide, and in it our own group with one process of ours, which may not."""
    tree = V2Tree.mounted(tmp_path)
    for group in ("", "system.slice/"):
        if group:
            tree.make("system.slice")
        tree.write(f"{group}cgroup.subtree_control", "+memory +cpu +pids")
    tree.make("system.slice/us")
    tree.set("system.slice/us/cgroup.procs", "1")
    return tree


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def found(tree: V2Tree, own: str = "system.slice/us", controllers: str = "memory cpu pids io") -> Hierarchies:
    return Hierarchies({}, Hierarchy(tree.root, "/", own), frozenset(controllers.split()))


def opened(tree: V2Tree, parent: str | None = None, freeze: bool = False) -> CallGroup:
    group = open_group(parent, LIMITS, freeze, found(tree), lambda root: tree)
    assert group is not None
    return group


def below(tree: V2Tree, group: CallGroup) -> str:
    (path,) = tree.root.rglob(group.name)
    return str(path.relative_to(tree.root))


def test_it_is_made_beside_us_with_every_limit(tree: V2Tree) -> None:
    group = opened(tree)
    path = below(tree, group)
    assert path == f"system.slice/{group.name}"
    limits = {
        "memory.max": str(100 * MIB), "memory.high": str(95 * MIB), "memory.swap.max": "0", "memory.oom.group": "1",
        "cpu.max": "150000 100000", "pids.max": "7",
    }  # fmt: skip
    assert {name: tree.read(f"{path}/{name}") for name in limits} == limits
    assert owner_of(group.name) == this_process()
    group.close()
    group.close()
    assert not list(tree.root.rglob(group.name))


def test_in_a_container_its_processes_make_room_in_a_leaf(tree: V2Tree, sleeper: "subprocess.Popen[bytes]") -> None:
    tree.make("system.slice/docker-1.scope")
    tree.write("system.slice/docker-1.scope/cgroup.procs", str(sleeper.pid))
    group = opened(tree, parent="/system.slice/docker-1.scope")
    assert below(tree, group) == f"system.slice/docker-1.scope/{group.name}"
    assert tree.read(f"system.slice/docker-1.scope/{LEAF}/cgroup.procs") == str(sleeper.pid)
    second = opened(tree, parent="system.slice/docker-1.scope")
    assert second.name != group.name


def test_what_it_adopts_is_killed_at_its_end(tree: V2Tree, sleeper: "subprocess.Popen[bytes]") -> None:
    group = opened(tree)
    group.adopt(sleeper.pid)
    assert group.pids() == (sleeper.pid,)
    group.close()
    assert is_gone(sleeper.pid)


def test_an_older_kernel_is_helped_to_kill(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    class Older(V2Tree):
        lacking = frozenset({"cgroup.kill", "memory.peak", "memory.swap.max", "memory.oom.group"})

    tree = Older.mounted(tmp_path)
    group = open_group(None, LIMITS, False, found(tree, own=""), lambda root: tree)
    assert group is not None and group.peak_memory() is None
    group.adopt(sleeper.pid)
    group.close()
    assert is_gone(sleeper.pid)


def test_it_never_freezes_at_its_limit_but_can_be_paused(tree: V2Tree) -> None:
    group = opened(tree, freeze=True)
    path = below(tree, group)
    assert not group.freezes and not group.frozen()
    group.pause()
    assert tree.read(f"{path}/cgroup.freeze") == "1"
    group.resume()
    assert tree.read(f"{path}/cgroup.freeze") == "0"
    group.raise_memory(200 * MIB)
    assert tree.read(f"{path}/memory.max") == str(200 * MIB)


def test_what_it_used_and_met(tree: V2Tree) -> None:
    group = opened(tree)
    path = below(tree, group)
    assert (group.peak_memory(), group.cpu_seconds(), group.met(), group.killed_at_memory()) == (
        0,
        0.0,
        frozenset(),
        False,
    )
    tree.set(f"{path}/memory.peak", "12345")
    tree.set(f"{path}/memory.events", "low 0\nhigh 9\nmax 4\noom 1\noom_kill 1\noom_group_kill 1")
    tree.set(f"{path}/cpu.stat", "usage_usec 2500000\nuser_usec 1\nnr_periods 5\nnr_throttled 2")
    tree.set(f"{path}/pids.events", "max 3")
    assert (group.peak_memory(), group.cpu_seconds(), group.killed_at_memory()) == (12345, 2.5, True)
    assert group.met() == {Limit.MEMORY, Limit.CPU, Limit.PIDS}


@pytest.mark.parametrize("controllers", ["", "memory pids", "hugetlb"])
def test_without_its_controllers_there_is_no_group(tree: V2Tree, controllers: str) -> None:
    """As where version 1 has them: the unified hierarchy is mounted all the same."""
    assert open_group(None, LIMITS, False, found(tree, controllers=controllers), lambda root: tree) is None


def test_where_nothing_may_be_written_there_is_no_group(tree: V2Tree) -> None:
    class Shut(V2Tree):
        def write(self, path: str, text: str) -> None:
            raise PermissionError(13, "not permitted")

        def make(self, path: str) -> None:
            raise PermissionError(13, "not permitted")

    shut = Shut(tree.root)
    assert open_group(None, LIMITS, False, found(tree), lambda root: shut) is None
    assert open_group("system.slice", LIMITS, False, found(tree), lambda root: shut) is None


def test_leftovers_of_dead_owners_are_ended_and_removed(tree: V2Tree, sleeper: "subprocess.Popen[bytes]") -> None:
    mine = opened(tree)
    us = this_process()
    dead = f"opswright-{us.boot}-{us.namespace}-{us.pid}-{us.started + 1}-0"  # our number, given to us after its death
    tree.make(f"system.slice/{dead}")
    tree.write(f"system.slice/{dead}/cgroup.procs", str(sleeper.pid))
    assert leftovers(found(tree)) == (tree.root / "system.slice" / dead,)
    assert sweep(found(tree), lambda root: type(tree)(root)) == 1
    assert is_gone(sleeper.pid)
    assert leftovers(found(tree)) == () and list(tree.root.rglob(mine.name))
