"""Contract of a sandbox, third part: commands that mean harm, each beside a neighbour that has to stay unharmed."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from opswright.sandboxes.ports import FLOOD_FACTOR, MIB, Command, Completed, Limit, Limits, Mount, Sandbox
from tests.processes import wait_for
from tests.sandboxes.host import Traces, new_mark, processes_with, python

# Memory with room for what the kernel holds of many processes that have just ended: it counts with the call's own.
TIGHT = Limits(memory_bytes=160 * MIB, pids=24, disk_bytes=8 * MIB, seconds=1.0, output_bytes=4096)

# Says that it runs, then works until it is told to stop: memory, disk, processes, all in small amounts.
_NEIGHBOUR = """
import os, pathlib, subprocess
shared = pathlib.Path("/shared")
(shared / "started").touch()
rounds = 0
while not (shared / "enough").exists() or not rounds:
    assert sum(bytearray(1 << 20)) == 0
    pathlib.Path("file").write_bytes(b"x" * (1 << 20))
    assert subprocess.run(["sh", "-c", "sleep 0.01; exit 5"]).returncode == 5
    rounds += 1
print("unharmed")
"""
_FORK_BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
_FORKS = """
import os, time
try:
    for _ in range(99):
        if not os.fork():
            time.sleep(99)
except OSError:
    print("refused")
"""
_SHELL_BOMB = "b() { b | b & }; (b) & while :; do :; done"
_HOG = """
held = []
while True:
    held.append(b"x" * (1 << 20))
"""
_HOGS = """
import os
for _ in range(8):
    if os.fork() == 0:
        break
held = []
while True:
    held.append(b"x" * (1 << 19))
"""
_DEAF = """
import signal
for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
while True:
    pass
"""
_RUNAWAY = """
import os, time
if os.fork():
    {parent}
os.setsid()
if os.fork():
    os._exit(0)
while True:
    time.sleep(1)
"""
_STOPS_OTHERS = """
import os, signal, time
if os.fork():
    time.sleep(99)
os.setsid()
while True:
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        if int(pid) not in (1, os.getpid()):
            try:
                os.kill(int(pid), signal.SIGSTOP)
            except OSError:
                pass
"""
_FLOOD = """
import os
while True:
    os.write({stream}, b"x" * 65536)
"""
_FILLER = """
import errno, os, sys
total = 0
for place in (".", "/tmp", "/dev/shm", "/var/tmp", "/run", "/"):
    for number in range(64):
        try:
            with open(f"{place}/f{number}", "wb", buffering=0) as file:
                while True:
                    total += file.write(b"x" * 65536)
        except OSError as error:
            if error.errno != errno.ENOSPC and error.errno != errno.ENOMEM:
                break
print(total)
"""


@contextmanager
def neighbour(sandbox: Sandbox, folder: Path) -> Iterator[None]:
    """A call that runs from before the attack until after it, and must end as it would have alone."""
    folder.chmod(0o777)
    command = replace(python(_NEIGHBOUR), mounts=[Mount(folder, "/shared", writable=True)])
    limits = Limits(memory_bytes=256 * MIB, pids=16, disk_bytes=8 * MIB, seconds=60.0)
    with ThreadPoolExecutor(1) as pool:
        running: Future[Completed] = pool.submit(sandbox.run, command, limits)
        wait_for(lambda: (folder / "started").exists() or running.done(), "the neighbour to start")
        try:
            yield
        finally:
            (folder / "enough").touch()
        done = running.result()
    assert (done.exit_code, done.stopped_by, done.stdout) == (0, None, b"unharmed\n"), done


class Attacks:
    """Each is stopped inside its limits, and neither the host nor the neighbour shows a trace of it."""

    tells_refused_forks: ClassVar[bool] = True  # a backing that only looks from time to time may miss them

    @pytest.mark.parametrize(
        "argv, stopped_by, met",
        [
            pytest.param(["python3", "-c", _FORK_BOMB], Limit.TIME, {Limit.PIDS}, id="fork bomb"),
            pytest.param(["sh", "-c", _SHELL_BOMB], Limit.TIME, {Limit.PIDS}, id="shell's fork bomb"),
            pytest.param(["python3", "-c", _HOG], Limit.MEMORY, set(), id="memory hog"),
            pytest.param(["python3", "-c", _HOGS], Limit.MEMORY, set(), id="memory hogs"),
            pytest.param(["sh", "-c", "while :; do :; done"], Limit.TIME, set(), id="endless loop"),
            pytest.param(["sh", "-c", "kill -STOP $$"], Limit.TIME, set(), id="stops itself"),
            pytest.param(["python3", "-c", _DEAF], Limit.TIME, set(), id="ignores signals"),
            pytest.param(["python3", "-c", _RUNAWAY.format(parent="time.sleep(99)")], Limit.TIME, set(), id="escapes"),
            pytest.param(["python3", "-c", _RUNAWAY.format(parent="os._exit(0)")], None, set(), id="escapes and ends"),
            pytest.param(["python3", "-c", _STOPS_OTHERS], Limit.TIME, set(), id="stops all in reach"),
            pytest.param(["sh", "-c", "kill -9 -1; exit 0"], None, set(), id="kills all in reach"),
            pytest.param(["python3", "-c", _FLOOD.format(stream=1)], Limit.OUTPUT, set(), id="floods stdout"),
            pytest.param(["python3", "-c", _FLOOD.format(stream=2)], Limit.OUTPUT, set(), id="floods stderr"),
        ],
    )
    def test_an_attack_is_stopped_by_its_limit_and_harms_nobody(
        self, sandbox: Sandbox, tmp_path: Path, argv: list[str], stopped_by: Limit | None, met: set[Limit]
    ) -> None:
        mark = new_mark()
        sandbox.run(Command(["true"]), TIGHT)
        before = Traces.now()
        with neighbour(sandbox, tmp_path):
            done = sandbox.run(Command([*argv, mark]), TIGHT)
            assert processes_with(mark) == []  # at once, not some time later
        assert done.stopped_by is stopped_by
        assert done.exit_code == (0 if stopped_by is None else 137)
        expected = met | ({stopped_by} if stopped_by else set())
        assert done.met >= expected - (set() if self.tells_refused_forks else {Limit.PIDS})
        assert len(done.stdout) <= TIGHT.output_bytes and len(done.stderr) <= TIGHT.output_bytes
        if done.peak_memory_bytes is not None:
            assert (
                done.peak_memory_bytes <= TIGHT.memory_bytes + 1024 * 64
            )  # the kernel lets the dying have a few pages
        assert Traces.now() == before

    def test_a_disk_filler_writes_up_to_its_limit(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.run(Command(["true"]), TIGHT)
        before = Traces.now()
        with neighbour(sandbox, tmp_path):
            done = sandbox.run(python(_FILLER), replace(TIGHT, seconds=30.0))
        assert done.succeeded, done
        assert TIGHT.disk_bytes // 2 <= int(done.stdout) <= TIGHT.disk_bytes
        assert Limit.DISK in done.met
        assert Traces.now() == before

    @pytest.mark.parametrize("stream", [1, 2])
    def test_output_beyond_its_limit_is_cut_and_the_call_goes_on(self, sandbox: Sandbox, stream: int) -> None:
        text = f"import os; os.write({stream}, bytes(range(256)) * 32); os.write({3 - stream}, b'whole')"
        done = sandbox.run(python(text), TIGHT)
        name = ("stdout", "stderr")[stream - 1]
        other = ("stdout", "stderr")[2 - stream]
        assert done.succeeded and done.cut == {name} and Limit.OUTPUT in done.met
        assert (getattr(done, name), getattr(done, other)) == (bytes(range(256)) * 16, b"whole")

    def test_output_up_to_its_limit_is_not_cut(self, sandbox: Sandbox) -> None:
        done = sandbox.run(python("print('x' * 4095)"), TIGHT)
        assert done.stdout == b"x" * 4095 + b"\n" and not done.cut and Limit.OUTPUT not in done.met

    def test_a_flood_is_longer_than_what_is_cut(self, sandbox: Sandbox) -> None:
        length = TIGHT.output_bytes * FLOOD_FACTOR
        done = sandbox.run(python(f"import sys; sys.stdout.write('x' * {length})"), TIGHT)
        assert done.succeeded and done.cut == {"stdout"}

    def test_a_call_that_is_stopped_while_it_forks_has_not_met_a_limit_of_forks(self, sandbox: Sandbox) -> None:
        forking, limits = "while :; do (:); done", replace(TIGHT, memory_bytes=512 * MIB, seconds=0.5)
        done = sandbox.run(Command(["sh", "-c", f"for _ in 1 2 3 4; do {forking} & done; wait"]), limits)
        assert done.stopped_by is Limit.TIME and Limit.PIDS not in done.met

    def test_a_refused_fork_is_met_and_survived(self, sandbox: Sandbox) -> None:
        done = sandbox.run(python(_FORKS), replace(TIGHT, seconds=30.0))
        assert done.succeeded and done.stdout == b"refused\n"
        assert Limit.PIDS in done.met or not self.tells_refused_forks
