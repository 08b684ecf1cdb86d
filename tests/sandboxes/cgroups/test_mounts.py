"""Where the hierarchies are mounted, read from what real machines say."""

from pathlib import Path

import pytest

from opswright.sandboxes.cgroups.mounts import Hierarchy, hierarchies

V1_EACH = (
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
    "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n",
    "8:pids:/\n4:memory:/some/where\n1:cpu:/\n0::/\n",
)
V1_TOGETHER = (
    "34 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:14 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 25 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:15 - cgroup cgroup rw,memory\n",
    "5:memory:/user.slice\n3:cpu,cpuacct:/user.slice\n1:name=systemd:/user.slice/session-1.scope\n",
)
V1_CONTAINER = (
    "600 590 0:32 /docker/abc /sys/fs/cgroup/memory ro,nosuid master:15 - cgroup cgroup rw,memory\n",
    "4:memory:/docker/abc/inner\n",
)
V2_ALONE = (
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n",
    "0::/user.slice/user-0.slice/session-3.scope\n",
)


def read(tmp_path: Path, texts: tuple[str, str]) -> Path:
    (tmp_path / "mountinfo").write_text(texts[0])
    (tmp_path / "cgroup").write_text(texts[1])
    return tmp_path


def at(name: str) -> Path:
    return Path("/sys/fs/cgroup", name)


def test_version_1_with_a_hierarchy_each(tmp_path: Path) -> None:
    found = hierarchies(read(tmp_path, V1_EACH))
    assert found.v1 == {
        "memory": Hierarchy(at("memory"), "/", "some/where"),
        "cpu": Hierarchy(at("cpu"), "/", ""),
        "pids": Hierarchy(at("pids"), "/", ""),
    }
    assert found.v2 == Hierarchy(at("unified"), "/", "")


def test_version_1_with_two_controllers_in_one(tmp_path: Path) -> None:
    found = hierarchies(read(tmp_path, V1_TOGETHER))
    assert found.v1["cpu"] == found.v1["cpuacct"] == Hierarchy(at("cpu,cpuacct"), "/", "user.slice")


def test_in_a_container_only_its_own_part_is_mounted(tmp_path: Path) -> None:
    assert hierarchies(read(tmp_path, V1_CONTAINER)).v1 == {"memory": Hierarchy(at("memory"), "/docker/abc", "inner")}


def test_version_2_alone(tmp_path: Path) -> None:
    found = hierarchies(read(tmp_path, V2_ALONE))
    assert found.v1 == {}
    assert found.v2 == Hierarchy(at(""), "/", "user.slice/user-0.slice/session-3.scope")


@pytest.mark.parametrize("texts", [("", ""), (V1_EACH[0], "")])
def test_a_system_without_them(tmp_path: Path, texts: tuple[str, str]) -> None:
    assert all(hierarchy.own == "" for hierarchy in hierarchies(read(tmp_path, texts)).v1.values())
    assert hierarchies(tmp_path / "nowhere").v1 == {}
