"""Several processes of this machine: one that dies, one that raises what cannot travel, one that must stop."""

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from opswright.errors import ApprovalNeeded, InputError
from opswright.evals.fanout.one import Outcome
from opswright.evals.fanout.processes import TRIES, outcomes
from opswright.evals.runner import Sent
from opswright.evals.suites import Case, Summary
from opswright.nouns import Json


@dataclass(frozen=True)
class Deeds:
    """Does what a case's data says; every run of a case leaves a line."""

    log: Path
    name: str = "deeds"

    def cases(self) -> Sequence[Case]:
        """None of its own."""
        return []

    def run(self, case: Case) -> Json:
        """Its number, unless it is told otherwise."""
        with self.log.open("a") as log:
            log.write(f"{case.id}\n")
        deed = case.data.get("do")
        if deed == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if deed == "leave":
            os._exit(3)
        if deed == "approval":
            raise ApprovalNeeded("wants a person", "0" * 64)  # takes two arguments: it does not survive pickling
        if deed == "input":
            raise InputError("is wrong", "somewhere")
        return {"pid": os.getpid()}

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """Nothing."""
        return Summary(self.name, ())


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deeds:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # worker processes import this module by its name
    (tmp_path / "log").write_text("")
    return Deeds(tmp_path / "log")


def _run(part: Deeds, cases: Sequence[Case], jobs: int = 2) -> dict[str, Json]:
    found: list[Outcome] = []
    with outcomes(Sent(part), cases, jobs) as ended:
        found += ended
    assert len(found) == len(dict(found)), "a case gave two rows"
    return dict(found)


def test_every_case_once_in_as_many_processes_as_were_asked_for(part: Deeds) -> None:
    rows = _run(part, [Case(str(number)) for number in range(9)])
    assert sorted(rows) == sorted(map(str, range(9)))
    assert len({row["pid"] for row in rows.values()}) == 2
    assert sorted(part.log.read_text().split()) == sorted(rows)


@pytest.mark.parametrize(("deed", "ending"), [("kill", "signal 9"), ("leave", "exit code 3")])
def test_a_case_that_kills_its_process_is_tried_again_and_then_a_row(part: Deeds, deed: str, ending: str) -> None:
    cases = [Case("bad", {"do": deed}), *(Case(str(number)) for number in range(4))]
    rows = _run(part, cases)
    assert rows["bad"] == {"error": f"WorkerDied: its process ended {TRIES} times, with {ending}"}
    assert part.log.read_text().split().count("bad") == TRIES
    assert all("pid" in rows[str(number)] for number in range(4))
    assert sorted(part.log.read_text().split()) == sorted([*["bad"] * TRIES, *map(str, range(4))])


def test_what_a_case_raises_is_raised_here(part: Deeds) -> None:
    with pytest.raises(InputError, match="somewhere: is wrong") as raised:
        _run(part, [Case("bad", {"do": "input"}), Case("good")])
    assert raised.value.where == "somewhere"


def test_what_cannot_travel_is_still_told(part: Deeds) -> None:
    with pytest.raises(RuntimeError, match="ApprovalNeeded: wants a person"):
        _run(part, [Case("bad", {"do": "approval"}), Case("good")])
