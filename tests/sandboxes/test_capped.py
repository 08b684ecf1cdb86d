"""What the settings allow is the most of any call, in both backings, whatever it asks for and whoever is asked."""

import shutil
from collections.abc import Iterator

import pytest

from opswright.sandboxes.capped import Capped
from opswright.sandboxes.opening import open_sandbox
from opswright.sandboxes.ports import MIB, Command, Limit, Limits, MemoryAsk, Sandbox
from opswright.settings.shape import SandboxSettings
from tests.live import docker_engine, unavailable
from tests.sandboxes.host import python

# Far more than the settings below.
GREEDY = Limits(
    memory_bytes=1024 * MIB, cpus=64, pids=200, disk_bytes=64 * MIB, seconds=600.0, output_bytes=64 * MIB, network=True
)


@pytest.fixture(scope="module", params=["process", "container"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """As the program opens it."""
    if request.param == "container":
        docker_engine()
    elif shutil.which("bwrap") is None:
        unavailable("bubblewrap is not installed (apt-get install bubblewrap)")
    settings = SandboxSettings(backing=request.param, memory_mb=64, pids=20, disk_mb=8, seconds=2, output_kb=1)
    opened = open_sandbox(settings)
    assert opened.name == request.param
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.live
def test_no_call_gets_a_network_that_the_settings_refuse(sandbox: Sandbox) -> None:
    code = "print([line.split(':')[0].strip() for line in list(open('/proc/net/dev'))[2:]])"
    assert sandbox.run(python(code), GREEDY).stdout == b"['lo']\n"


@pytest.mark.live
def test_no_call_gets_more_time_or_output(sandbox: Sandbox) -> None:
    done = sandbox.run(Command(["sh", "-c", "head -c 3000 /dev/zero; exec sleep 60"]), GREEDY)
    assert (done.stopped_by, done.cut, len(done.stdout)) == (Limit.TIME, frozenset({"stdout"}), 1024)


@pytest.mark.live
def test_no_call_gets_more_memory_or_disk(sandbox: Sandbox) -> None:
    assert sandbox.run(python("held = bytearray(100 << 20)"), GREEDY).stopped_by == Limit.MEMORY
    done = sandbox.run(Command(["sh", "-c", "head -c 12000000 /dev/zero >file"]), GREEDY)
    assert not done.succeeded and Limit.DISK in done.met


@pytest.mark.live
def test_no_answer_raises_it_beyond_them(sandbox: Sandbox) -> None:
    if not sandbox.freezes:
        pytest.skip("calls cannot be frozen here: that takes control groups of version 1, and root")
    asked: list[int] = []

    def all_of_it(question: MemoryAsk) -> int:
        asked.append(question.used_bytes)
        return 1024 * MIB

    limits = Limits(memory_bytes=40 * MIB, disk_bytes=MIB)
    done = sandbox.run(python("held = bytearray(100 << 20)"), limits, all_of_it)
    assert (done.stopped_by, asked) == (Limit.MEMORY, [40 * MIB]), "at the most there is nothing left to ask"
    assert sandbox.run(python("held = bytearray(45 << 20)"), limits, all_of_it).succeeded


def test_closing_it_closes_the_one_inside() -> None:
    class Inner:
        closed = False

        def close(self) -> None:
            self.closed = True

    inner = Inner()
    Capped(inner, Limits()).close()  # type: ignore[arg-type]
    assert inner.closed
