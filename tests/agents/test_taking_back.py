"""Within a trial a change is taken back and made again: interleaved pairs, a fault, its recovery and another fault."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from opswright.agents.approvals import grant
from opswright.agents.attempts import Attempts, How
from opswright.agents.performer import JournalledPerformer
from opswright.errors import ApprovalRefused, ToolFailed
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Json, Permit, Risk
from opswright.settings import ApprovalRules, ApprovalSettings
from tests.agents.test_performer import WRITES, crashes, live_and_die
from tests.agents.workbench import Bench, allowed, count, kill_self, start_bench, turn
from tests.processes import Child

PAIRS = 3


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return start_bench(tmp_path / "bench")


def trial(bench: Bench, journal: Journal | None = None, name: str = "trial/1") -> JournalledPerformer:
    return bench.workshop(journal).scope("run", "task", name)


def test_interleaved_pairs_see_both_states_each_time(bench: Bench) -> None:
    performer, on = trial(bench), turn(bench)
    seen = []
    for _ in range(PAIRS):
        performer.perform(on, allowed(on))
        with_it = bench.switch.read_text()
        performer.take_back(on)
        seen.append((with_it, bench.switch.read_text()))
    assert seen == [("on", "off")] * PAIRS
    performer.revert()
    assert bench.log == ["on", "off"] * PAIRS
    keys = [one.external_key for one in bench.attempts()]
    assert len(set(keys)) == PAIRS  # a system that keeps keys must do it again
    assert {one.how_undone for one in bench.attempts()} == {How.REVERTED}


def test_what_lies_below_another_change_is_neither_answered_nor_taken_back(bench: Bench) -> None:
    performer, on, off = trial(bench), turn(bench), turn(bench, "off")
    performer.perform(on, allowed(on))
    assert performer.perform(on, allowed(on)) == {"to": "on"}
    performer.perform(off, allowed(off))
    with pytest.raises(ToolFailed, match=f"{off.hash[:12]}.* was done after it"):
        performer.perform(on, allowed(on))
    with pytest.raises(ToolFailed, match=f"{off.hash[:12]}.* stands on top"):
        performer.take_back(on)
    performer.take_back(off)
    assert performer.perform(on, allowed(on)) == {"to": "on"}
    performer.take_back(on)
    assert bench.log == ["on", "off", "on", "off"]


def test_there_is_nothing_to_take_back(bench: Bench) -> None:
    performer, on, counted = trial(bench), turn(bench), count(bench)
    performer.perform(counted, allowed(counted))
    with pytest.raises(ToolFailed, match="does not stand"):
        performer.take_back(on)
    with pytest.raises(ToolFailed, match="cannot be undone"):
        performer.take_back(counted)
    performer.perform(on, allowed(on))
    performer.take_back(on)
    with pytest.raises(ToolFailed, match="does not stand"):
        performer.take_back(on)
    other = trial(bench, name="trial/2")
    other.perform(on, allowed(on))
    with pytest.raises(ToolFailed, match="does not stand"):
        performer.take_back(on)
    other.revert()
    assert bench.log == ["on", "off", "on", "off"]


def test_one_that_failed_half_way_is_taken_back(bench: Bench) -> None:
    performer, stuck = trial(bench), turn(bench, fail=True)
    with pytest.raises(ToolFailed, match="stuck"):
        performer.perform(stuck, allowed(stuck))
    performer.take_back(stuck)
    assert [one.open for one in bench.attempts()] == [False]


def test_again_needs_no_second_approval_and_another_trial_does(bench: Bench) -> None:
    on = turn(bench, risk=Risk.DISRUPTIVE)
    asking = ApprovalSettings(environments={"local": ApprovalRules(disruptive="ask")})
    workshop = bench.workshop(policy=asking)
    workshop.approvals.ask(on, "why")
    grant(workshop.journal, on.hash)
    performer, permit = workshop.scope("run", "task", "trial/1"), Permit(on.hash, "person")
    for _ in range(PAIRS):
        performer.perform(on, permit)
        performer.take_back(on)
    with pytest.raises(ApprovalRefused):
        workshop.scope("run", "task", "trial/2").perform(on, permit)
    assert bench.log == ["on", "off"] * PAIRS


def test_an_adoption_answers_what_is_done_whatever_was_done_after_it(bench: Bench) -> None:
    performer, on, full = bench.workshop().scope("run", "task", "adoption"), turn(bench), turn(bench, "full")
    for action in (on, full, on, full):  # as the loop does when it verifies
        assert performer.perform(action, allowed(action)) == {"to": action.arguments["to"]}
    assert bench.log == ["on", "full"]


def pairs(bench: Bench, journal: Journal | None = None) -> Json:
    performer, on, full = trial(bench, journal), turn(bench), turn(bench, "full")
    performer.revert()  # as the loop does on resuming
    seen: list[Json] = []
    for action in (on, full, on):
        performer.perform(action, allowed(action))
        seen.append(bench.switch.read_text())
        performer.take_back(action)
        seen.append(bench.switch.read_text())
    assert seen == ["on", "off", "full", "off", "on", "off"]
    performer.perform(on, allowed(on))
    performer.revert()
    return seen


@settings(deadline=None, max_examples=8)
@given(crashes)
def test_whatever_dies_every_state_is_as_it_is_meant(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, bool]]
) -> None:
    bench = start_bench(tmp_path_factory.mktemp("bench"))
    live_and_die(bench, points, lambda journal: pairs(bench, journal))
    assert bench.switch.read_text() == "off"
    assert [one for one in bench.attempts() if one.open] == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("point", range(WRITES))
def test_kill_9_at_every_write(bench: Bench, point: int, after: bool) -> None:
    journal = bench.crashing_journal(point, after, kill_self)
    child = Child(lambda say: say(str(pairs(bench, journal))))
    assert child.wait() in (0, -9)
    pairs(bench)
    assert bench.switch.read_text() == "off"
    assert [one for one in bench.attempts() if one.open] == []
    assert list(bench.undoer().left_over()) == []


def test_of_several_threads_one_takes_the_lease(bench: Bench) -> None:
    performer, action = trial(bench), count(bench)
    ready, done = threading.Barrier(8), list[Json]()

    def work() -> None:
        ready.wait()
        done.append(performer.perform(action, allowed(action)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [{"lines": 1}] * 8
    assert len(list(bench.journal().read("lease.taken"))) == 1


def test_what_is_open_is_found_without_reading_the_rest(bench: Bench) -> None:
    kept, left = bench.workshop().scope("run", "task", "adoption"), trial(bench)
    steps: list[tuple[JournalledPerformer, Action, Callable[[], None] | None]] = [
        (kept, turn(bench), kept.keep),
        (left, turn(bench, "full"), lambda: left.take_back(turn(bench, "full"))),
        (left, turn(bench, "half"), None),
        (left, count(bench), None),
    ]
    for performer, action, then in steps:
        performer.perform(action, allowed(action))
        if then is not None:
            then()
    attempts, every = Attempts(bench.journal()), bench.attempts()
    assert list(attempts.open()) == [one for one in every if one.open] != []
    assert list(attempts.standing()) == [one for one in every if one.how_undone is None] != every
    own = every[-1].lease
    assert list(attempts.of_lease(own)) == [one for one in reversed(every) if one.lease == own]
    assert len({one.lease for one in every}) == 2
    left.revert()
