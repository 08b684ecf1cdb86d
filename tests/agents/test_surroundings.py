"""What a session holds open: once each, for all its tasks, and closed at its end, newest first."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opswright.agents.surroundings import SessionSurroundings
from opswright.errors import EnvironmentFailed, ToolFailed
from opswright.settings import load_settings
from tests.processes import Child


@dataclass
class Connection:
    name: str
    log: list[str] = field(default_factory=list)
    breaks: bool = False

    def close(self) -> None:
        if self.breaks:
            raise ToolFailed("it hangs")
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
