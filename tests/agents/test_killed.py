"""kill -9 anywhere, then resume in a new process: done once, tried and undone, one receipt.

The run tries twice (the second time a file is changed and put back) and then adopts: a file is changed for good, which
a watchdog takes back when the process dies too early, and a server that counts every call is called once.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opswright.agents.approvals import grant, read_action
from opswright.agents.attempts import Attempts
from opswright.agents.receipts import read_receipt
from opswright.agents.undo import Undoer
from opswright.knowledge.journal import Journal
from tests.agents.killing.server import Counter, counter_server

ROOT = Path(__file__).parents[2]
KILLED = -signal.SIGKILL
NAMED = (
    "ask:before",
    "precheck",
    "trial:1:before",
    "trial:2:before",
    "trial:2:after",
    "judge",
    "adoption",
    "counter:before",
    "counter:after",
    "verify",
    "result",
    "reflect",
)
# As many as the run writes; a test below counts them. Fewer of them where time matters more.
RECORDS, CHECKPOINTS = 38, 25
STEP = 1 if os.environ.get("OPSWRIGHT_REQUIRE_LIVE") == "1" else 6


@dataclass
class Nursery:
    """Orders one process after the other."""

    process: "subprocess.Popen[str]"

    def run(self, **order: Any) -> int:
        """The child's exit code, negative for a signal."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(json.loads(self.process.stdout.readline())["code"])


@dataclass
class World:
    """One run's folder, files and server."""

    nursery: Nursery
    folder: Path
    server: Counter
    postgres: str = ""  # the connection string, where the checkpoints are there

    def start(self, kill: str = "", tells: bool = True) -> int:
        (self.folder / "tried.txt").write_text("before")
        (self.folder / "adopted.txt").write_text("before")
        inputs = {
            "tried": str(self.folder / "tried.txt"),
            "adopted": str(self.folder / "adopted.txt"),
            "url": self.server.url,
            "tells": tells,
        }
        return self.nursery.run(do="start", inputs=inputs, kill=kill, **self._places())

    def resume(self, kill: str = "") -> int:
        return self.nursery.run(do="resume", run=self.run_id, kill=kill, **self._places())

    def _places(self) -> dict[str, str]:
        return {"folder": str(self.folder), "told": str(self.folder / "told.json"), "postgres": self.postgres}

    @property
    def journal(self) -> Journal:
        return Journal(self.folder / "state" / "journal.sqlite3")

    @property
    def run_id(self) -> str:
        return next((record.run for record in self.journal.read("run")), "")

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "told.json").read_text())
        return told

    def check(self, count: int = 1) -> None:
        """Everything happened once, and only what was adopted stands."""
        assert self.told["status"] == "accepted", self.told
        assert len(self.server.keys) == count, f"counted {len(self.server.keys)} times"
        assert (self.folder / "tried.txt").read_text() == "before"
        assert (self.folder / "adopted.txt").read_text() == "adopted"
        (receipt,) = self.folder.glob("state/receipts/*")
        assert self.told["receipts"] == [str(receipt)]
        content = read_receipt(receipt).content
        assert content.adopted and content.tried == (("solver", "rejected"), ("solver", "accepted"))
        self._check_journal()

    def _check_journal(self) -> None:
        journal = self.journal
        kinds = Tally(record.kind for record in journal.read(run=self.run_id))
        expected = {"task": 1, "ask": 2, "precheck": 2, "observation": 2, "verdict": 2, "outcome": 1, "plan": 1}
        assert {kind: kinds[kind] for kind in expected} == expected
        assert kinds["run.ended"] == 1 and kinds["reflection"] == 1
        attempts = list(Attempts(journal).all())
        standing = [one for one in attempts if one.done and one.how_undone is None]
        assert all(one.kept for one in standing)
        assert Tally(one.action.effect for one in standing) == {"files.write": 1, "crash.counter": 1}
        assert {one.scope.name for one in standing} == {"adoption"}
        assert not list(Undoer(journal, self.folder / "state" / "leases").left_over())
        assert all(read_action(record.payload["action"]) for record in journal.read("effect.begun"))


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    command = [sys.executable, "-m", "tests.agents.killing.nursery"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture
def world(nursery: Nursery, tmp_path: Path) -> Iterator[World]:
    with counter_server() as server:
        yield World(nursery, tmp_path, server)


def test_nobody_killed(world: World) -> None:
    assert world.start() == 0
    world.check()
    assert (world.told["records"], world.told["checkpoints"]) == (RECORDS, CHECKPOINTS)


def kill_and_resume(world: World, kill: str) -> None:
    assert world.start(kill) == KILLED
    if not world.run_id:
        return  # it died before the run was in the journal: there is nothing to resume, and nothing was done
    assert world.resume() == 0
    world.check()


@pytest.mark.parametrize("kill", NAMED)
def test_killed_inside_a_node_or_an_effect(world: World, kill: str) -> None:
    kill_and_resume(world, kill)


@pytest.mark.parametrize("number", range(1, CHECKPOINTS + 1))
def test_killed_at_a_node_boundary(world: World, number: int) -> None:
    kill_and_resume(world, f"checkpoint:{number}:after")


@pytest.mark.parametrize("number", range(1, RECORDS + 1, STEP))
def test_killed_at_a_record(world: World, number: int) -> None:
    kill_and_resume(world, f"record:{number}:after")


def test_killed_again_and_again(world: World) -> None:
    assert world.start("trial:2:after") == KILLED
    for kill in ("trial:2:after", "trial:2:before", "counter:after", "verify", "result", "reflect"):
        assert world.resume(kill) == KILLED, kill
    assert world.resume() == 0
    world.check()


def test_resuming_a_finished_run_says_how_it_ended_and_does_nothing(world: World) -> None:
    assert world.start() == 0
    before = len(list(world.journal.read()))
    assert world.resume() == 0
    assert len(list(world.journal.read())) == before
    world.check()


def test_what_may_have_happened_is_not_repeated_without_a_person(world: World) -> None:
    """An effect that cannot be undone and cannot tell whether it happened: only a person may say `again`."""
    assert world.start("counter:after", tells=False) == KILLED
    for _ in range(2):
        assert world.resume() == 0
        assert (world.told["status"], world.told["exit_code"], len(world.server.keys)) == ("approval", 5, 1)
    (question,) = world.told["waiting"]
    assert "cannot be known whether it happened" in question["reason"]
    grant(world.journal, question["action_hash"], who="somebody")
    assert world.resume() == 0
    world.check(count=2)
