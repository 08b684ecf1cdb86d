"""The contract kept without root and without control groups, and where it is weaker, as the sandbox's own text says."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from opswright.sandboxes.commands import NOBODY
from opswright.sandboxes.ports import MIB, Command, Limit, Sandbox
from opswright.sandboxes.process.sandbox import ProcessSandbox
from tests.live import unavailable
from tests.processes import Child, wait_for
from tests.sandboxes.attacks import TIGHT
from tests.sandboxes.contract import Opening, SandboxContract
from tests.sandboxes.host import new_mark, processes_with, python
from tests.sandboxes.memory import SMALL
from tests.sandboxes.ordinary import QUICK
from tests.sandboxes.process.ordinary_user import AsNobody, become_nobody

_HOLDS_80 = "import time; held = bytearray(80 << 20); time.sleep(60)"


@pytest.mark.live
class TestOrdinaryUser(SandboxContract):
    tells_refused_forks = False
    opened_by = NOBODY if os.geteuid() == 0 else os.geteuid()

    @pytest.fixture(scope="class")
    @classmethod
    def opening(cls, tmp_path_factory: pytest.TempPathFactory) -> Opening:
        if shutil.which("bwrap") is None:
            unavailable("bubblewrap is not installed (apt-get install bubblewrap)")
        if os.geteuid() != 0:
            return ProcessSandbox
        return lambda: AsNobody(tmp_path_factory.mktemp("socket"))

    @pytest.fixture
    def tmp_path(self) -> Iterator[Path]:
        """One whose way there is open to everybody."""
        with tempfile.TemporaryDirectory(prefix="for-nobody-", dir="/tmp") as folder:
            Path(folder).chmod(0o755)
            yield Path(folder)

    def test_without_anybody_to_ask_it_is_stopped(self, sandbox: Sandbox) -> None:
        """A call that lets go of the memory between two looks is not noticed: here it holds it."""
        done = sandbox.run(python(_HOLDS_80), SMALL)
        assert (done.stopped_by, done.exit_code) == (Limit.MEMORY, 137)

    def test_a_call_whose_child_was_killed_for_memory_is_stopped_as_a_whole(self, sandbox: Sandbox) -> None:
        done = sandbox.run(Command(["sh", "-c", 'python3 -c "$1"; while :; do :; done', "sh", _HOLDS_80]), SMALL)
        assert (done.stopped_by, done.exit_code) == (Limit.MEMORY, 137)

    def test_a_leap_beyond_the_limit_is_refused(self, sandbox: Sandbox) -> None:
        done = sandbox.run(python("bytearray(600 << 20)"), QUICK)
        assert done.exit_code == 1 and b"MemoryError" in done.stderr

    def test_empty_files_are_limited_too(self, sandbox: Sandbox) -> None:
        code = "import itertools\nfor number in itertools.count(): open(f'f{number}', 'w').close()"
        done = sandbox.run(python(code), replace(QUICK, disk_bytes=MIB))
        assert done.stopped_by in (Limit.DISK, Limit.MEMORY)

    def test_memory_that_nobody_sees_cannot_be_made(self, sandbox: Sandbox) -> None:
        assert sandbox.run(python("import os; os.memfd_create('x')"), QUICK).exit_code == 1

    def test_processors_are_whole_ones_and_not_to_be_widened(self, sandbox: Sandbox) -> None:
        code = "import os; print(len(os.sched_getaffinity(0))); os.sched_setaffinity(0, range(os.cpu_count()))"
        done = sandbox.run(python(code), replace(QUICK, cpus=0.5))
        assert (done.stdout, done.exit_code) == (b"1\n", 1)

    def test_a_killed_owner_leaves_nothing_running(self, opening: Callable[[], Sandbox], tmp_path: Path) -> None:
        tmp_path.chmod(0o777)
        mark = new_mark()
        ProcessSandbox(grouped=False)  # see AsNobody

        def work(say: Callable[[str], None]) -> None:
            if os.geteuid() == 0:
                become_nobody()
            say("starting")
            ProcessSandbox().run(Command(["sh", "-c", "setsid sleep 600 $0 & sleep 600", mark]))

        child = Child(work)
        wait_for(lambda: len(processes_with(mark)) >= 1, "the call to run")
        child.kill()
        wait_for(lambda: not processes_with(mark), "the call to end")


@pytest.mark.live
def test_root_without_control_groups_is_limited_as_well(tmp_path: Path) -> None:
    if shutil.which("bwrap") is None or os.geteuid() != 0:
        unavailable("that takes bubblewrap, and root")
    sandbox = ProcessSandbox(grouped=False)
    assert not sandbox.freezes
    users = {int(sandbox.run(python("import os; print(os.getuid())"), QUICK).stdout) for _ in range(3)}
    assert len(users) == 3 and min(users) > 0x10000  # one each: the kernel counts processes by user
    assert sandbox.run(python(_HOLDS_80), SMALL).stopped_by is Limit.MEMORY
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    done = sandbox.run(python(bomb), TIGHT)
    assert done.stopped_by is Limit.TIME and Limit.PIDS in done.met
    assert (done.cpu_seconds, done.peak_memory_bytes) == (None, None)
