"""Contract of a sandbox, fifth part: the program itself is killed, or its work stopped, in the middle of a call."""

from collections.abc import Callable
from pathlib import Path

import pytest

from opswright.sandboxes.cgroups.leftovers import leftovers
from opswright.sandboxes.cgroups.owners import owner_of
from opswright.sandboxes.ports import Command, Limits, Mount, Sandbox
from tests.processes import Child, wait_for
from tests.sandboxes.host import new_mark, processes_with

_LONG = Limits(seconds=600.0)
# A child of it ignores every polite signal in a session of its own.
_STUBBORN = """
trap '' TERM INT HUP
setsid sh -c 'touch /shared/started; while :; do sleep 1; done' $0
"""


class OwnersDeath:
    """kill -9 of ours ends the call, at the latest when the next one of us opens a sandbox."""

    def test_a_killed_owner_leaves_nothing_running(self, opening: Callable[[], Sandbox], tmp_path: Path) -> None:
        tmp_path.chmod(0o777)
        mark = new_mark()
        command = Command(["sh", "-c", _STUBBORN, mark], mounts=[Mount(tmp_path, "/shared", writable=True)])

        def work(say: Callable[[str], None]) -> None:
            sandbox = opening()
            sandbox.run(command, _LONG)

        child = Child(work)
        wait_for((tmp_path / "started").exists, "the call to run")
        assert processes_with(mark)
        child.kill()
        opening().close()
        wait_for(lambda: not processes_with(mark), "the call to end")
        assert groups_of(child.pid) == []

    def test_a_call_of_a_stopped_caller_ends_and_leaves_nothing(self, sandbox: Sandbox, tmp_path: Path) -> None:
        tmp_path.chmod(0o777)
        mark = new_mark()
        command = Command(["sh", "-c", _STUBBORN, mark], mounts=[Mount(tmp_path, "/shared", writable=True)])
        with pytest.raises(KeyboardInterrupt):
            sandbox.run(command, _LONG, halted=(tmp_path / "started").exists)
        assert processes_with(mark) == []
        assert sandbox.run(Command(["true"])).succeeded


def groups_of(pid: int) -> list[Path]:
    """Control groups that a dead process left."""
    return [path for path in leftovers() if (owner := owner_of(path.name)) and owner.pid == pid]
