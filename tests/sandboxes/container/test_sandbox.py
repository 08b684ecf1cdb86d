"""What is particular to containers: the network, mounts, the next container, memory beyond the container's own."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from opswright.errors import InputError
from opswright.sandboxes.cgroups.owners import owner_of, this_process
from opswright.sandboxes.container.cell import OWNER
from opswright.sandboxes.container.engine import connect
from opswright.sandboxes.container.opening import open_container
from opswright.sandboxes.container.sandbox import ContainerSandbox
from opswright.sandboxes.ports import MIB, Command, Limits, Mount
from opswright.settings.shape import SandboxSettings
from tests.live import docker_engine
from tests.processes import Child, small_disk
from tests.sandboxes.host import python

pytestmark = pytest.mark.live
_ORDINARY = 54321
QUICK = Limits(memory_bytes=128 * MIB, disk_bytes=16 * MIB, seconds=60.0)


@pytest.fixture(scope="module", params=[True, False], ids=["groups", "no groups"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[ContainerSandbox]:
    docker_engine()
    sandbox = open_container(SandboxSettings(), grouped=request.param)
    yield sandbox
    sandbox.close()


def test_an_ordinary_user_of_the_engine_is_served() -> None:
    """Really one: neither root nor in any group but the engine's; and what that user may read, commands may not."""
    docker_engine()
    if os.geteuid() != 0:
        pytest.skip("becoming another user takes root")
    open_container(SandboxSettings()).close()  # what is loaded now need not be readable to that user
    engines = Path("/var/run/docker.sock").stat().st_gid
    own = Path(tempfile.mkdtemp(prefix="for-ordinary-", dir="/tmp"))  # mode 0700
    os.chown(own, _ORDINARY, _ORDINARY)

    def work(say: Callable[[str], None]) -> None:
        os.setgroups([engines])
        os.setgid(_ORDINARY)
        os.setuid(_ORDINARY)
        sandbox = open_container(SandboxSettings())
        done = sandbox.run(Command(["sh", "-c", "id -u; cat f"], files={"f": b"here"}), QUICK)
        say(f"{sandbox.freezes} {done.stdout!r}")
        try:
            sandbox.run(Command(["true"], mounts=[Mount(own, "/data")]), QUICK)
        except InputError as error:
            say(str(error))
        sandbox.close()

    child = Child(work)
    said = child.lines()
    own.rmdir()
    assert child.wait() == 0
    assert said == [
        f"False {b'65534' + bytes([10]) + b'here'!r}",
        f"{own}: it may not be read by others, and commands run as another user",
    ]


def containers() -> set[str]:
    """Ours; others may be at work beside us."""
    api = connect()
    try:
        found = api.containers(all=True, filters={"label": OWNER})
        return {one["Id"] for one in found if owner_of(one["Labels"][OWNER]) == this_process()}
    finally:
        api.close()


def test_the_network_is_there_when_it_is_asked_for(sandbox: ContainerSandbox) -> None:
    code = "import socket; print('eth0' in [name for _, name in socket.if_nameindex()])"
    assert sandbox.run(python(code), QUICK).stdout == b"False\n"
    assert sandbox.run(python(code), replace(QUICK, network=True)).stdout == b"True\n"


def test_what_is_mounted_below_a_read_only_folder_cannot_be_written(sandbox: ContainerSandbox, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    tmp_path.chmod(0o755)
    with small_disk(tmp_path / "below", 512) as below:
        below.chmod(0o777)
        done = sandbox.run(Command(["touch", "/data/below/x"], mounts=[Mount(tmp_path, "/data")]), QUICK)
        assert done.exit_code != 0 and not (below / "x").exists()


def test_the_dead_do_not_count_as_processes(sandbox: ContainerSandbox) -> None:
    """Orphans that end one after another, many more than the limit."""
    code = "for n in 1 2 3 4 5 6 7 8 9 10; do for m in 1 2 3 4 5 6; do (true & ); done; sleep 0.02; done; echo all"
    done = sandbox.run(Command(["sh", "-c", code]), replace(QUICK, pids=24))
    assert done.succeeded and done.stdout == b"all\n" and done.stderr == b"", done


def test_no_container_is_started_ahead_with_mounts(sandbox: ContainerSandbox, tmp_path: Path) -> None:
    sandbox.run(Command(["true"]), QUICK)
    sandbox.settle()
    before = containers()
    tmp_path.chmod(0o755)
    sandbox.run(Command(["true"], mounts=[Mount(tmp_path, "/data")]), QUICK)
    sandbox.settle()
    assert containers() == before


def test_a_container_that_died_while_it_waited_is_not_used(sandbox: ContainerSandbox) -> None:
    sandbox.run(Command(["true"]), QUICK)
    sandbox.settle()
    api = connect()
    for container in containers():
        api.kill(container)
    api.close()
    assert sandbox.run(Command(["true"]), QUICK).succeeded


def test_closing_removes_all(tmp_path: Path) -> None:
    docker_engine()
    before = containers()
    sandbox = open_container(SandboxSettings())
    sandbox.run(Command(["true"]), QUICK)
    sandbox.close()
    assert containers() <= before


def test_memory_can_be_raised_beyond_what_the_container_had() -> None:
    docker_engine()
    sandbox = open_container(SandboxSettings(memory_mb=64))
    try:
        if not sandbox.freezes:
            pytest.skip("calls cannot be frozen here")
        limits = replace(QUICK, memory_bytes=48 * MIB)
        done = sandbox.run(python("held = bytearray(300 << 20); print('finished')"), limits, lambda ask: 400 * MIB)
        assert done.succeeded and done.stdout == b"finished\n"
    finally:
        sandbox.close()


def test_files_too_many_for_the_disk_are_refused(sandbox: ContainerSandbox) -> None:
    """Empty files take memory of the kernel all the same."""
    code = "import sys\nfor n in range(10**6):\n    try: open(str(n), 'x').close()\n    except OSError: print(n); break"
    done = sandbox.run(python(code), replace(QUICK, disk_bytes=4 * MIB))
    assert done.succeeded and 500 < int(done.stdout) <= 1024


def test_files_that_fill_the_memory_come_out_all_the_same(sandbox: ContainerSandbox) -> None:
    command = Command(["sh", "-c", "head -c 45000000 /dev/zero > f; wc -c < f"], collect=["f"])
    done = sandbox.run(command, Limits(memory_bytes=48 * MIB, disk_bytes=60 * MIB, seconds=60.0))
    assert done.succeeded and done.stdout == b"45000000\n", done.stderr
    assert done.collected == {"f": bytes(45_000_000)}
    assert done.peak_memory_bytes is not None and 45_000_000 < done.peak_memory_bytes <= 48 * MIB
