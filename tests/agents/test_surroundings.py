"""What a session holds open: once each, for its tasks or one of them, and closed at its end, newest first."""

import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opswright.agents.halting import Halt
from opswright.agents.locks import Exclusive
from opswright.agents.surroundings import RunSurroundings, SessionSurroundings
from opswright.errors import EnvironmentFailed, ToolFailed
from opswright.settings import load_settings
from tests.processes import Child


@dataclass
class Connection:
    name: str
    log: list[str] = field(default_factory=list)
    breaks: bool = False
    open: bool = True

    def close(self) -> None:
        if self.breaks:
            raise ToolFailed("it hangs")
        self.open = False
        self.log.append(self.name)


@pytest.fixture
def surroundings(tmp_path: Path) -> SessionSurroundings:
    return SessionSurroundings(load_settings(environment={"HOME": str(tmp_path)}, folder=tmp_path))


def test_it_is_opened_once_though_many_ask_at_once(surroundings: SessionSurroundings) -> None:
    opened: list[str] = []
    gate = threading.Barrier(8)

    def connect() -> Connection:
        opened.append("db")
        return Connection("db")

    found: list[Connection] = []

    def ask() -> None:
        gate.wait()
        found.append(surroundings.hold("db", connect))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == ["db"] and len(found) == 8 and all(one is found[0] for one in found)


def test_opening_one_may_use_another(surroundings: SessionSurroundings) -> None:
    inner = surroundings.hold("outer", lambda: surroundings.hold("inner", lambda: Connection("inner")))
    assert inner.name == "inner"


def test_all_is_closed_newest_first_though_one_fails(surroundings: SessionSurroundings) -> None:
    log: list[str] = []
    for name in ("a", "b", "c"):
        surroundings.hold(name, lambda name=name: Connection(name, log, breaks=name == "b"))  # type: ignore[misc]
    assert surroundings.close() == ("b could not be closed: it hangs",)
    assert log == ["c", "a"]
    assert surroundings.close() == ()


def test_one_task_at_a_time_works_on_a_named_thing(surroundings: SessionSurroundings) -> None:
    with surroundings.exclusive("cluster/one"):
        with pytest.raises(EnvironmentFailed, match="cluster/one is in use"), surroundings.exclusive("cluster/one"):
            pass
        with surroundings.exclusive("cluster/two"):
            pass

    def other(say: object) -> None:
        with surroundings.exclusive("cluster/one"):
            pass

    assert Child(other).wait() == 0


def test_what_died_is_opened_again(surroundings: SessionSurroundings) -> None:
    log: list[str] = []

    def connection() -> Connection:
        return surroundings.hold("db", lambda: Connection("db", log), alive=lambda one: one.open)

    first = connection()
    assert connection() is first
    first.open = False
    second = connection()
    assert second is not first and connection() is second
    assert log == ["db"], "the dead one was closed"
    second.open, second.breaks = False, True
    connection()
    assert surroundings.close() == ("db could not be closed: it hangs",)


def test_an_error_of_a_driver_does_not_keep_the_others_open(surroundings: SessionSurroundings) -> None:
    class Foreign:
        def close(self) -> None:
            raise sqlite3.OperationalError("busy\nreally")

    log: list[str] = []
    surroundings.hold("a", lambda: Connection("a", log))
    surroundings.hold("b", Foreign)
    assert surroundings.close() == ("b could not be closed: busy really",)
    assert log == ["a"]


def test_what_a_task_holds_ends_with_it_alone(surroundings: SessionSurroundings) -> None:
    log: list[str] = []
    run = RunSurroundings(surroundings, "r1", Halt())
    other = RunSurroundings(surroundings, "r2", Halt())
    run.hold("db", lambda: Connection("session", log))
    mine = run.hold("db", lambda: Connection("t1", log), task="t1")
    assert run.hold("db", lambda: Connection("never", log), task="t1") is mine
    run.hold("client", lambda: Connection("client", log), task="t1")
    other.hold("db", lambda: Connection("another run's t1", log), task="t1")
    run.hold("db", lambda: Connection("t2", log), task="t2")
    assert run.release("t1") == () and log == ["client", "t1"]
    assert run.release("t1") == () and run.hold("db", lambda: Connection("new"), task="t1").name == "new"
    surroundings.close()
    assert set(log) == {"client", "t1", "session", "another run's t1", "t2"}


def test_a_lock_is_kept_for_a_whole_task(surroundings: SessionSurroundings) -> None:
    run = RunSurroundings(surroundings, "r1", Halt())
    for _ in range(2):
        run.hold("cluster", lambda: Exclusive(run.exclusive("cluster")), task="t1")
    with pytest.raises(EnvironmentFailed, match="cluster is in use"), run.exclusive("cluster"):
        pass
    run.release("t1")
    with run.exclusive("cluster"):
        pass


def test_a_lock_is_waited_for(surroundings: SessionSurroundings) -> None:
    kept = Exclusive(surroundings.exclusive("cluster"))
    waits = threading.Event()

    class Waiting(Halt):
        def asked(self, seconds: float = 0.0) -> bool:
            waits.set()
            return super().asked(seconds)

    def let_go() -> None:
        waits.wait(60.0)
        kept.close()

    threading.Thread(target=let_go).start()
    with RunSurroundings(surroundings, "r1", Waiting()).exclusive("cluster", wait_s=60.0):
        assert waits.is_set()


def test_the_wait_for_a_lock_ends_when_the_run_is_stopped(surroundings: SessionSurroundings) -> None:
    halt = Halt()
    run = RunSurroundings(surroundings, "r1", halt)
    with run.exclusive("cluster"):
        threading.Timer(0.05, halt.ask).start()
        with pytest.raises(KeyboardInterrupt), run.exclusive("cluster", wait_s=600.0):
            pass


def test_states_that_are_thrown_away_share_the_machines_locks(tmp_path: Path) -> None:
    def one(state: str) -> SessionSurroundings:
        settings = load_settings(environment={"HOME": str(tmp_path / state)}, folder=tmp_path)
        return SessionSurroundings(settings, locks=tmp_path / "locks")

    with one("a").exclusive("cluster"), pytest.raises(EnvironmentFailed), one("b").exclusive("cluster"):
        pass
