"""The journal: append-only, private, safe among processes, and plain about what is in its way."""

import contextlib
import os
import random
import resource
import sqlite3
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.errors import StoreFailed
from opswright.knowledge.journal import PAGE, Journal
from tests.processes import Child, fill_up, small_disk


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "journal.sqlite3", clock=lambda: 1000.0)


def test_what_was_appended_is_read_back(journal: Journal) -> None:
    first = journal.append("trial", {"text": "ü \ud800", "n": [1, 2.5, None]}, run="r1", task="t1", key="k1")
    second = journal.append("trial", "x", run="r2")
    third = journal.append("note", None, run="r1", task="t2")
    record = journal.find("k1")
    assert record is not None
    assert (record.seq, record.at, record.kind, record.run, record.task) == (first, 1000.0, "trial", "r1", "t1")
    assert record.payload == {"text": "ü \ud800", "n": [1, 2.5, None]}
    assert journal.get(second) == next(journal.read(run="r2"))
    assert [r.seq for r in journal.read()] == [first, second, third]
    assert [r.seq for r in journal.read("trial")] == [first, second]
    assert [r.seq for r in journal.read(run="r1")] == [first, third]
    assert [r.seq for r in journal.read(run="r1", task="t2")] == [third]
    assert [r.seq for r in journal.read(after=first)] == [second, third]
    assert journal.find("absent") is None
    assert [journal.get(seq) for seq in (99, 0, -1, 2**63, 10**30)] == [None] * 5


def test_a_key_that_is_there_keeps_its_first_record(journal: Journal) -> None:
    first = journal.append("a", 1, key="k")
    assert journal.append("b", 2, key="k") == first
    assert not journal.claim("c", 3, key="k")
    assert journal.claim("c", 3, key="other")
    assert [(r.kind, r.payload) for r in journal.read()] == [("a", 1), ("c", 3)]


def test_reading_makes_no_file(journal: Journal) -> None:
    assert list(journal.read()) == []
    assert journal.find("k") is None
    assert not journal.path.parent.exists()


def test_nan_is_refused_and_nothing_is_written(journal: Journal) -> None:
    with pytest.raises(ValueError, match="JSON"):
        journal.append("a", float("nan"))
    assert list(journal.read()) == []


def test_files_and_folder_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        journal = Journal(tmp_path / "state" / "journal.sqlite3")
        journal.append("a", 1)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in journal.path.parent.iterdir()}
    assert modes and set(modes.values()) == {0o600}, modes
    assert "journal.sqlite3-wal" in modes
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700
    journal.close()
    journal.path.chmod(0o644)
    Journal(journal.path).append("a", 2)
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET kind = 'other'",
        "UPDATE OR REPLACE records SET seq = 2 WHERE seq = 1",
        "DELETE FROM records",
        "DELETE FROM records WHERE seq = 1",
        "INSERT OR REPLACE INTO records (seq, at, kind, run, task, payload) VALUES (1, 0, 'x', '', '', '0')",
        "INSERT OR REPLACE INTO records (at, kind, run, task, key, payload) VALUES (0, 'x', '', '', 'k', '0')",
        "REPLACE INTO records (seq, at, kind, run, task, payload) VALUES (2, 0, 'x', '', '', '0')",
    ],
)
def test_sql_cannot_change_or_delete(journal: Journal, statement: str) -> None:
    journal.append("a", 1, key="k")
    journal.append("a", 2)
    before = list(journal.read())
    with sqlite3.connect(journal.path) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert list(journal.read()) == before


def test_reading_is_lazy_and_holds_no_lock(journal: Journal) -> None:
    for number in range(PAGE + 1):
        journal.append("a", number)
    reading = journal.read()
    assert next(reading).payload == 0
    other = Journal(journal.path, timeout_s=0.1)
    other.append("a", "late")
    assert [record.payload for record in reading][-2:] == [PAGE, "late"]


def test_a_fork_has_its_own_connection(journal: Journal) -> None:
    journal.append("a", "parent")
    inherited = journal._connection

    def work(say: Callable[[str], None]) -> None:
        say(str(journal.append("a", "child")))
        say(str(journal._connection is inherited))

    child = Child(work)
    assert child.lines() == ["2", "False"]
    assert child.wait() == 0
    journal.append("a", "parent again")
    assert [record.payload for record in journal.read()] == ["parent", "child", "parent again"]


def test_threads_share_a_journal(journal: Journal) -> None:
    def work() -> None:
        for number in range(20):
            journal.append("a", number, key=f"k{number}")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(record.payload for record in journal.read()) == list(range(20))


def test_processes_share_a_journal_from_its_creation_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"

    def work(name: int) -> Callable[[Callable[[str], None]], None]:
        def run(say: Callable[[str], None]) -> None:
            journal = Journal(path, timeout_s=60)
            for number in range(25):
                journal.append("own", [name, number])
                if journal.claim("shared", name, key=f"k{number}"):
                    say(f"{number}")

        return run

    children = [Child(work(name)) for name in range(4)]
    claimed = [line for child in children for line in child.lines()]
    assert [child.wait() for child in children] == [0, 0, 0, 0]
    assert sorted(map(int, claimed)) == list(range(25))
    own = [tuple(record.payload) for record in Journal(path).read("own")]
    assert sorted(own) == [(name, number) for name in range(4) for number in range(25)]


@pytest.mark.parametrize("seed", range(6))
def test_kill_9_loses_no_acknowledged_record(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "journal.sqlite3"

    def work(say: Callable[[str], None]) -> None:
        journal, number = Journal(path), 0
        while True:
            say(str(journal.append("a", {"number": number, "filler": "x" * 5000})))
            number += 1

    child = Child(work)
    acknowledged = [child.line() for _ in range(random.Random(seed).randrange(1, 40))]
    child.kill()
    acknowledged += child.lines()
    found = {record.seq: record.payload["number"] for record in Journal(path).read()}
    assert [found[int(seq)] for seq in acknowledged] == list(range(len(acknowledged)))
    assert len(found) - len(acknowledged) in (0, 1)  # the one in mid-write may have been written but not acknowledged
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def one_line(error: pytest.ExceptionInfo[StoreFailed]) -> str:
    message = str(error.value)
    assert "\n" not in message and "journal" in message
    assert error.value.exit_code == 6
    return message


def test_a_locked_journal_is_said_after_the_timeout(journal: Journal) -> None:
    journal.append("a", 1)
    holder = sqlite3.connect(journal.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreFailed) as error:
        Journal(journal.path, timeout_s=0.05).append("a", 2)
    assert "locked" in one_line(error)
    holder.execute("ROLLBACK")
    holder.close()
    assert journal.append("a", 2) == 2


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 512) as disk:
        journal = Journal(disk / "journal.sqlite3")
        journal.append("a", 0)
        filler = fill_up(disk)
        written = 1
        with pytest.raises(StoreFailed) as error:
            while True:
                journal.append("a", "x" * 2000)
                written += 1
        assert "no room" in one_line(error)
        assert len(list(journal.read())) == written
        filler.unlink()
        journal.append("a", "after")
        assert [record.payload for record in journal.read()][-1] == "after"
        assert len(list(journal.read())) == written + 1
        journal.close()


def test_a_file_size_limit_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"

    def work(say: Callable[[str], None]) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        journal = Journal(path)
        try:
            while True:
                say(str(journal.append("a", "x" * 1000)))
        except StoreFailed as failure:
            say(f"failed: {failure}")

    child = Child(work)
    *acknowledged, failure = child.lines()
    assert child.wait() == 0
    assert "no room" in failure
    assert [str(record.seq) for record in Journal(path).read()] == acknowledged


def test_a_read_only_disk_is_said(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 512) as disk:
        journal = Journal(disk / "journal.sqlite3")
        journal.append("a", 0)
        journal.close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StoreFailed) as error:
            Journal(disk / "journal.sqlite3").append("a", 1)
        assert "cannot be written" in one_line(error)
        with pytest.raises(StoreFailed):
            Journal(disk / "absent" / "journal.sqlite3").append("a", 1)


def test_what_is_no_journal_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, and long enough to be looked at\n" * 100)
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE things (a)")
    other.close()
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for name in ("text", "other", "folder", "file/journal.sqlite3"):
        with pytest.raises(StoreFailed) as error:
            Journal(tmp_path / name).append("a", 1)
        one_line(error)
    assert (tmp_path / "text").read_text().startswith("no database")


def test_a_journal_of_a_newer_version_is_left_alone(journal: Journal) -> None:
    journal.append("a", 1)
    journal.close()
    with sqlite3.connect(journal.path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(StoreFailed) as error:
        Journal(journal.path).append("a", 2)
    assert "version 2" in one_line(error)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(), st.booleans()), max_size=12))
def test_any_sequence_of_appends_is_what_a_list_would_hold(
    tmp_path_factory: pytest.TempPathFactory, appends: list[tuple[str | None, int, bool]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.sqlite3"
    journal = Journal(path)
    expected: list[tuple[str | None, int]] = []
    for key, value, reopened in appends:
        if reopened:
            journal.close()
            journal = Journal(path)
        known = [index for index, (k, _) in enumerate(expected) if key is not None and k == key]
        if not known:
            expected.append((key, value))
        assert journal.append("a", value, key=key) == (known[0] + 1 if known else len(expected))
    assert [(record.key, record.payload) for record in journal.read()] == expected


def test_a_record_that_was_tampered_with_is_damage(journal: Journal) -> None:
    journal.append("a", {"x": 1}, key="k")
    journal.close()
    with sqlite3.connect(journal.path) as connection:
        connection.execute("DROP TRIGGER records_no_update")
        connection.execute("UPDATE records SET payload = 'no json'")
    for look in (lambda: journal.find("k"), lambda: journal.get(1), lambda: list(journal.read())):
        with pytest.raises(StoreFailed, match="damaged"):
            look()


def test_a_runs_records_of_some_kinds_are_read_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite3")
    for number in range(600):
        journal.append(f"k{number % 3}", number, run="r", task=f"t{number % 2}")
        if number % 50 == 0:
            journal.append("k0", -number, run="other")
    assert [record.payload for record in journal.read_kinds(("k0", "k2"), "r")] == [n for n in range(600) if n % 3 != 1]
    assert [record.payload for record in journal.read_kinds(("k1",), "r", "t1")] == list(range(1, 600, 6))
    assert list(journal.read_kinds((), "r")) == []


def test_kinds_below_a_prefix(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite3")
    for kind in ("a", "a/", "a/1", "a/2", "a0", "a-b", "ab/1"):
        journal.append(kind, kind, run="r", task="t")
    journal.append("a/1", "another", run="r", task="other")
    assert [record.payload for record in journal.read_below("a", "r", "t")] == ["a/", "a/1", "a/2"]


def test_records_without_an_answer(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite3")
    assert journal.read_without("begun", "begun", ("done",)) == []
    for name in ("x:0", "x:1", "y:0"):
        journal.append("begun", name, key=f"begun:{name}")
    journal.append("done", {}, key="done:x:0")
    journal.append("other", {}, key="left:y:0")
    assert [one.payload for one in journal.read_without("begun", "begun", ("done",))] == ["x:1", "y:0"]
    assert [one.payload for one in journal.read_without("begun", "begun", ("done", "left"))] == ["x:1"]


def test_a_journal_of_an_earlier_program_gets_the_index_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite3"
    journal = Journal(path)
    journal.append("k", 1, run="r")
    journal.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP INDEX records_by_run_and_kind")
    assert [record.payload for record in Journal(path).read("k", "r")] == [1]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'records_by_run_and_kind'").fetchone()
