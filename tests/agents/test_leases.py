"""Leases: who owns a piece of work, and whether they live."""

import os
import stat
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from opswright.agents.leases import Lease, Owner, owner_alive, process_alive, this_process, work_lock
from opswright.errors import EnvironmentFailed, StoreFailed, ToolFailed
from opswright.knowledge.journal import Journal
from tests.processes import Child


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite3")


def take(folder: Path, journal: Journal) -> tuple[Child, str]:
    """A process that takes a lease and then waits for its end."""

    def work(say: Callable[[str], None]) -> None:
        lease = Lease(folder, journal)
        say(lease.id)
        time.sleep(1000)

    child = Child(work)
    return child, child.line()


def test_a_lease_lives_with_its_owner(tmp_path: Path, journal: Journal) -> None:
    child, lease = take(tmp_path / "leases", journal)
    assert owner_alive(tmp_path / "leases", journal, lease)
    child.kill()
    assert not owner_alive(tmp_path / "leases", journal, lease)


def test_a_released_lease_has_no_owner(tmp_path: Path, journal: Journal) -> None:
    lease = Lease(tmp_path / "leases", journal)
    assert owner_alive(tmp_path / "leases", journal, lease.id)
    lease.release()
    assert not owner_alive(tmp_path / "leases", journal, lease.id)
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_lease_that_nobody_refers_to_is_let_go_of(tmp_path: Path, journal: Journal) -> None:
    lease = Lease(tmp_path / "leases", journal)
    name = lease.id
    del lease
    assert not owner_alive(tmp_path / "leases", journal, name)


def test_an_unknown_lease_has_no_owner(tmp_path: Path, journal: Journal) -> None:
    assert not owner_alive(tmp_path, journal, "absent")


def test_files_are_private(tmp_path: Path, journal: Journal) -> None:
    lease = Lease(tmp_path / "leases", journal)
    with lease.working():
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "leases").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "leases").stat().st_mode) == 0o700


def test_a_child_that_outlives_the_owner_does_not_keep_the_lease(tmp_path: Path, journal: Journal) -> None:
    reading, writing = os.pipe()

    def work(say: Callable[[str], None]) -> None:
        lease = Lease(tmp_path / "leases", journal)
        if os.fork() == 0:
            os.read(reading, 1)  # holds the inherited lock until the test is over
            os._exit(0)
        say(lease.id)
        time.sleep(1000)

    owner = Child(work)
    lease = owner.line()
    assert owner_alive(tmp_path / "leases", journal, lease)
    owner.kill()
    assert not owner_alive(tmp_path / "leases", journal, lease)
    os.write(writing, b"x")
    os.close(reading)
    os.close(writing)


def test_without_the_file_the_process_decides(tmp_path: Path, journal: Journal) -> None:
    child, lease = take(tmp_path / "leases", journal)
    for path in (tmp_path / "leases").iterdir():
        path.unlink()
    assert owner_alive(tmp_path / "leases", journal, lease)
    child.kill()
    assert not owner_alive(tmp_path / "leases", journal, lease)


def test_a_pid_that_was_given_away_is_another_process() -> None:
    me = this_process()
    assert process_alive(me) is True
    assert process_alive(replace(me, started="1")) is False
    assert process_alive(replace(me, boot="before the last start")) is False
    assert process_alive(replace(me, namespace="pid:[1]")) is None
    assert process_alive(replace(me, boot="theirs", host="another machine")) is None


def test_an_owner_on_another_machine_is_believed_while_the_lock_is_held(tmp_path: Path, journal: Journal) -> None:
    lease = Lease(tmp_path / "leases", journal)
    elsewhere = asdict(replace(this_process(), host="another machine", boot="theirs"))
    journal.append("lease.taken", elsewhere, key="lease:elsewhere")
    assert Owner(**elsewhere).host == "another machine"
    os.link(tmp_path / "leases" / f"{lease.id}.lease", tmp_path / "leases" / "elsewhere.lease")
    assert owner_alive(tmp_path / "leases", journal, "elsewhere")
    del lease
    assert not owner_alive(tmp_path / "leases", journal, "elsewhere")


def test_the_work_lock_is_one_processes_at_a_time(tmp_path: Path, journal: Journal) -> None:
    lease = Lease(tmp_path / "leases", journal)
    again = work_lock(tmp_path / "leases", lease.id, wait_s=0.05)
    with lease.working(), lease.working(), pytest.raises(EnvironmentFailed, match="busy"), again:
        pass
    with work_lock(tmp_path / "leases", lease.id, wait_s=0.05):
        pass


def test_the_work_lock_of_a_killed_process_is_free(tmp_path: Path, journal: Journal) -> None:
    def work(say: Callable[[str], None]) -> None:
        with work_lock(tmp_path / "leases", "a"):
            say("held")
            time.sleep(1000)

    child = Child(work)
    assert child.line() == "held"
    with pytest.raises(EnvironmentFailed), work_lock(tmp_path / "leases", "a", wait_s=0.05):
        pass
    child.kill()
    with work_lock(tmp_path / "leases", "a", wait_s=0.05):
        pass


def test_a_revoked_lease_works_no_more(tmp_path: Path, journal: Journal) -> None:
    lease = Lease(tmp_path / "leases", journal)
    journal.append("lease.revoked", {"reason": "the deadline passed"}, key=f"revoked:{lease.id}")
    with pytest.raises(ToolFailed, match="deadline"), lease.working():
        pass


def test_no_lease_where_nothing_can_be_written(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed):
        Lease(tmp_path / "file" / "leases", journal)
    with pytest.raises(StoreFailed), work_lock(tmp_path / "file" / "leases", "a"):
        pass
