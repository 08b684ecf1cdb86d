"""The performer: checked again, written down first, exactly once, whatever dies in between."""

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.agents.approvals import grant
from opswright.agents.attempts import How
from opswright.errors import ApprovalNeeded, ApprovalRefused, EnvironmentFailed, InputError, StoreFailed, ToolFailed
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Json, Permit, Risk
from opswright.settings import ApprovalRules, ApprovalSettings
from opswright.tools.files import write
from tests.agents.workbench import (
    ADOPTION,
    Bench,
    Crash,
    adopt,
    allowed,
    count,
    kill_self,
    raise_crash,
    start_bench,
    turn,
)
from tests.processes import Child

WRITES = 10  # more than the writes of any one step below, so that every point of it is a crash point once


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return start_bench(tmp_path / "bench")


def test_an_action_is_done_once_in_its_scope(bench: Bench) -> None:
    action = count(bench)
    workshop = bench.workshop()
    performer = adopt(workshop)
    assert performer.perform(action, allowed(action)) == {"lines": 1}
    assert performer.perform(action, allowed(action)) == {"lines": 1}
    performer.keep()
    assert adopt(bench.workshop()).perform(action, allowed(action)) == {"lines": 1}
    assert bench.count == 1
    assert workshop.scope("run", "task", "other").perform(action, allowed(action)) == {"lines": 2}
    assert workshop.scope("another", "task", "adoption").perform(action, allowed(action)) == {"lines": 3}


def test_nothing_is_done_without_the_right_permit(bench: Bench) -> None:
    action, other = count(bench), turn(bench)
    asking = ApprovalSettings(environments={"local": ApprovalRules(irreversible="ask")})
    for workshop, permit in (
        (bench.workshop(), allowed(other)),
        (bench.workshop(), Permit(action.hash, "person")),
        (bench.workshop(policy=asking), allowed(action)),
        (bench.workshop(policy=asking), Permit(action.hash, "person")),
        (bench.workshop(policy=asking), Permit(action.hash, "flag")),
        (bench.workshop(policy=ApprovalSettings()), allowed(action)),
    ):
        with pytest.raises(ApprovalRefused):
            adopt(workshop).perform(action, permit)
    assert bench.count == 0
    assert bench.attempts() == []


def test_a_grant_is_used_up_by_the_scope_that_performed(bench: Bench) -> None:
    action = count(bench)
    asking = ApprovalSettings(environments={"local": ApprovalRules(irreversible="ask")})
    workshop = bench.workshop(policy=asking)
    workshop.approvals.ask(action, "why")
    grant(workshop.journal, action.hash)
    permit = workshop.decide(action, "run", "task", "adoption").permit
    assert permit == Permit(action.hash, "person")
    adopt(workshop).perform(action, permit)
    assert workshop.decide(action, "run", "task", "adoption").permit == permit
    assert workshop.decide(action, "run", "task", "other").permit is None
    with pytest.raises(ApprovalRefused):
        workshop.scope("run", "task", "other").perform(action, permit)
    assert bench.count == 1


def test_what_lies_about_itself_is_refused(bench: Bench) -> None:
    for action in (
        replace(count(bench), risk=Risk.REVERSIBLE),
        turn(bench, irreversible=True),
        turn(bench, irreversible=True, risk=Risk.DISRUPTIVE),
    ):
        with pytest.raises(ApprovalRefused):
            adopt(bench.workshop()).perform(action, allowed(action))
    unknown = Action("os", {}, Risk.READ)
    with pytest.raises(InputError):
        adopt(bench.workshop()).perform(unknown, allowed(unknown))
    assert (bench.count, bench.log, bench.attempts()) == (0, [], [])


def test_a_change_that_claims_to_be_a_mere_look_is_refused(bench: Bench, tmp_path: Path) -> None:
    action = replace(write.action(tmp_path / "new", "x"), risk=Risk.READ)
    workshop = bench.workshop(policy=ApprovalSettings())
    assert workshop.decide(action, "run", "task", ADOPTION.name).permit is not None  # the policy takes its word
    with pytest.raises(ApprovalRefused, match="claims to be read"):
        adopt(workshop).perform(action, allowed(action))
    assert not (tmp_path / "new").exists()


def test_what_was_done_is_told_to_nobody_without_its_permit(bench: Bench) -> None:
    adopt(bench.workshop()).perform(turn(bench), allowed(turn(bench)))
    with pytest.raises(ApprovalRefused, match="another action"):
        adopt(bench.workshop()).perform(turn(bench), allowed(count(bench)))


def test_without_a_journal_nothing_is_done(bench: Bench) -> None:
    workshop = bench.workshop(Journal(bench.journal().path, timeout_s=0.05))
    performer = adopt(workshop)
    action = turn(bench)
    performer.perform(count(bench), allowed(count(bench)))
    holder = sqlite3.connect(workshop.journal.path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed):
        performer.perform(action, allowed(action))
    holder.execute("ROLLBACK")
    holder.close()
    assert bench.log == []


def test_the_undo_record_is_on_disk_before_the_effect(bench: Bench) -> None:
    action = turn(bench, wait=str(bench.folder / "absent"))  # fails inside the effect, before the turn
    with pytest.raises(FileNotFoundError):
        adopt(bench.workshop()).perform(action, allowed(action))
    attempt = bench.attempts()[0]
    assert attempt.undo is not None
    assert attempt.undo.captured == {"path": str(bench.switch), "was": "off"}
    assert (attempt.done, attempt.open) == (False, True)


def test_a_failure_that_changed_nothing_leaves_nothing_to_undo(bench: Bench) -> None:
    action = write.action(bench.switch, "on")
    workshop = bench.workshop()
    adopt(workshop).perform(count(bench), allowed(count(bench)))
    bench.switch.write_text("somebody's")
    with pytest.raises(ToolFailed):
        adopt(workshop).perform(action, allowed(action))
    assert list(bench.undoer().open()) == []
    bench.switch.write_text("off")
    adopt(workshop).perform(action, allowed(action))
    assert bench.switch.read_text() == "on"


def test_a_failure_that_may_have_changed_something_is_taken_back(bench: Bench) -> None:
    action = turn(bench, fail=True)
    performer = adopt(bench.workshop())
    with pytest.raises(ToolFailed, match="stuck"):
        performer.perform(action, allowed(action))
    assert [attempt.open for attempt in bench.attempts()] == [True]
    performer.revert()
    assert [attempt.how_undone for attempt in bench.attempts()] == [How.REVERTED]


def test_all_is_taken_back_newest_first_and_can_be_done_again(bench: Bench) -> None:
    performer = adopt(bench.workshop())
    for to in ("on", "half", "full"):
        performer.perform(turn(bench, to), allowed(turn(bench, to)))
    performer.revert()
    performer.revert()
    assert bench.log == ["on", "half", "full", "half", "on", "off"]
    performer.perform(turn(bench), allowed(turn(bench)))
    assert bench.log[-1] == "on"
    keys = [attempt.external_key for attempt in bench.attempts() if attempt.action == turn(bench)]
    assert len(set(keys)) == 2  # a system that keeps keys must do it again


def test_one_that_cannot_be_taken_back_does_not_stop_the_others(bench: Bench) -> None:
    other = bench.folder / "other"
    other.mkdir()
    (other / "switch").write_text("off")
    performer = adopt(bench.workshop())
    for action in (turn(bench), Action("switch", {"path": str(other / "switch"), "to": "on"}, Risk.REVERSIBLE)):
        performer.perform(action, allowed(action))
    for marker in ("revert-fails", "revert-is-broken"):
        (other / marker).touch()
        with pytest.raises(ToolFailed, match="still stand"):
            performer.revert()
        assert bench.switch.read_text() == "off"
        (other / marker).unlink()
    performer.revert()
    assert (other / "switch").read_text() == "off"


def test_what_is_kept_stays(bench: Bench) -> None:
    performer = adopt(bench.workshop())
    performer.perform(turn(bench), allowed(turn(bench)))
    performer.keep()
    performer.revert()
    adopt(bench.workshop()).revert()
    assert bench.switch.read_text() == "on"
    assert adopt(bench.workshop()).perform(turn(bench), allowed(turn(bench))) == {"to": "on"}
    assert bench.log == ["on"]


def test_what_a_person_undid_is_not_done_again(bench: Bench) -> None:
    performer = adopt(bench.workshop())
    performer.perform(turn(bench), allowed(turn(bench)))
    performer.keep()
    bench.undoer().undo(bench.attempts()[0].seq)
    with pytest.raises(ApprovalRefused, match="a person undid"):
        adopt(bench.workshop()).perform(turn(bench), allowed(turn(bench)))
    with pytest.raises(ToolFailed, match="undone"):
        adopt(bench.workshop()).keep()
    assert bench.log == ["on", "off"]


def test_a_successor_keeps_what_a_dead_process_did(bench: Bench) -> None:
    def work(say: Callable[[str], None]) -> None:
        adopt(bench.workshop()).perform(turn(bench), allowed(turn(bench)))
        kill_self()

    Child(work).wait()
    adopt(bench.workshop()).keep()
    assert bench.attempts()[0].kept
    assert bench.undoer().undo_all() == []
    assert bench.switch.read_text() == "on"


def test_what_a_successor_took_over_is_its_own(bench: Bench) -> None:
    def work(say: Callable[[str], None]) -> None:
        adopt(bench.workshop()).perform(turn(bench), allowed(turn(bench)))
        kill_self()

    Child(work).wait()
    successor = adopt(bench.workshop())
    assert successor.perform(turn(bench), allowed(turn(bench))) == {"to": "on"}
    with pytest.raises(ApprovalRefused, match="still at work"):
        bench.undoer().undo(bench.attempts()[0].seq)
    assert list(bench.undoer().left_over()) == []
    successor.revert()
    assert bench.log == ["on", "off"]


def test_a_step_that_another_process_is_at_is_left_to_it(bench: Bench) -> None:
    action = turn(bench)
    owner = adopt(bench.workshop())
    owner.perform(action, allowed(action))

    def work(say: Callable[[str], None]) -> None:
        performer = adopt(bench.workshop())
        for step in (lambda: performer.perform(action, allowed(action)), performer.keep):
            try:
                step()
            except EnvironmentFailed as error:
                say(str(error))
        try:
            performer.revert()
        except ToolFailed as error:
            say(str(error))

    child = Child(work)
    said = child.lines()
    assert child.wait() == 0
    assert len(said) == 3
    assert "another process" in said[0] and "another process" in said[1] and "still at work" in said[2]
    assert bench.log == ["on"]


def test_of_many_processes_at_once_one_does_it(bench: Bench) -> None:
    action = count(bench)

    def work(say: Callable[[str], None]) -> None:
        try:
            adopt(bench.workshop()).perform(action, allowed(action))
            say("done")
        except EnvironmentFailed:
            say("left to another")
        except ApprovalNeeded:
            say("asked")

    children = [Child(work) for _ in range(6)]
    said = [line for child in children for line in child.lines()]
    assert [child.wait() for child in children] == [0] * 6
    assert bench.count == 1
    assert len(said) == 6 and "done" in said and "asked" not in said


def test_an_unknown_end_is_a_persons_to_judge(bench: Bench) -> None:
    action = count(bench, knows=False)
    (bench.folder / "die-after").touch()

    def work(say: Callable[[str], None]) -> None:
        adopt(bench.workshop()).perform(action, allowed(action))

    assert Child(work).wait() == -9
    for _ in range(2):
        workshop = bench.workshop()
        with pytest.raises(ApprovalNeeded) as error:
            adopt(workshop).perform(action, allowed(action))
        workshop.close()
    assert error.value.action_hash == action.hash
    assert bench.count == 1
    grant(bench.journal(), action.hash[:12])
    assert adopt(bench.workshop()).perform(action, allowed(action)) == {"lines": 2}
    keys = bench.counter.read_text().splitlines()
    assert keys[0] == keys[1]  # a system that keeps keys would have swallowed the repetition


def test_an_earlier_grant_is_no_leave_to_repeat(bench: Bench) -> None:
    action = count(bench, knows=False)
    asking = ApprovalSettings(environments={"local": ApprovalRules(irreversible="ask")})
    workshop = bench.workshop(policy=asking)
    workshop.approvals.ask(action, "why")
    grant(workshop.journal, action.hash)
    (bench.folder / "die-after").touch()

    def work(say: Callable[[str], None]) -> None:
        adopt(bench.workshop(policy=asking)).perform(action, Permit(action.hash, "person"))

    assert Child(work).wait() == -9
    with pytest.raises(ApprovalNeeded):
        adopt(workshop).perform(action, Permit(action.hash, "person"))
    assert bench.count == 1


def finish(bench: Bench, action: Action, journal: Journal | None = None) -> Json:
    """One life of the process that wants the step done."""
    performer = adopt(bench.workshop(journal))
    result = performer.perform(action, allowed(action))
    performer.keep()
    return result


crashes = st.lists(st.tuples(st.integers(0, WRITES), st.booleans()), min_size=1, max_size=5)


def live_and_die(bench: Bench, points: list[tuple[int, bool]], life: Callable[[Journal | None], Json]) -> None:
    """Crashes at each point in turn, and then lives."""
    for point, after in points:
        with contextlib.suppress(Crash):
            life(bench.crashing_journal(point, after, raise_crash))
        bench.bury()
    life(None)


@settings(deadline=None, max_examples=60)
@given(crashes)
def test_whatever_dies_an_irreversible_step_happens_once(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, bool]]
) -> None:
    bench = start_bench(tmp_path_factory.mktemp("bench"))
    live_and_die(bench, points, lambda journal: finish(bench, count(bench), journal))
    assert bench.count == 1
    assert [a.kept for a in bench.attempts()][-1]


@settings(deadline=None, max_examples=60)
@given(crashes)
def test_whatever_dies_an_unknowable_step_is_never_repeated_unasked(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, bool]]
) -> None:
    bench = start_bench(tmp_path_factory.mktemp("bench"))
    try:
        live_and_die(bench, points, lambda journal: finish(bench, count(bench, knows=False), journal))
    except ApprovalNeeded:
        assert bench.count <= 1
    else:
        assert bench.count == 1


@settings(deadline=None, max_examples=60)
@given(crashes)
def test_whatever_dies_an_undoable_step_stands_once(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, bool]]
) -> None:
    bench = start_bench(tmp_path_factory.mktemp("bench"))
    live_and_die(bench, points, lambda journal: finish(bench, turn(bench), journal))
    assert bench.log == ["on", "off"] * (len(bench.log) // 2) + ["on"]
    assert [attempt.kept for attempt in bench.attempts() if attempt.how_undone is None] == [True]


@settings(deadline=None, max_examples=60)
@given(crashes)
def test_whatever_dies_a_trial_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, points: list[tuple[int, bool]]
) -> None:
    bench = start_bench(tmp_path_factory.mktemp("bench"))
    file = bench.folder / "file"

    def life(journal: Journal | None) -> Json:
        performer = adopt(bench.workshop(journal))
        performer.revert()  # as the loop does on resuming
        actions = [turn(bench), write.action(file, "new"), turn(bench, "full")]
        results = [performer.perform(action, allowed(action)) for action in actions]
        assert (bench.switch.read_text(), file.read_text()) == ("full", "new")
        performer.revert()
        return results

    live_and_die(bench, points, life)
    assert (bench.switch.read_text(), file.exists()) == ("off", False)
    assert [attempt for attempt in bench.attempts() if attempt.how_undone is None] == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("point", range(WRITES))
def test_kill_9_at_every_write(bench: Bench, point: int, after: bool) -> None:
    file = bench.folder / "file"
    actions = [count(bench), write.action(file, "new"), turn(bench)]

    def life(journal: Journal) -> Callable[[Callable[[str], None]], None]:
        def run(say: Callable[[str], None]) -> None:
            performer = adopt(bench.workshop(journal))
            for action in actions:
                performer.perform(action, allowed(action))
            performer.keep()
            say("finished")

        return run

    killed = Child(life(bench.crashing_journal(point, after, kill_self)))
    finished = killed.lines()
    assert (killed.wait(), finished) in ((-9, []), (0, ["finished"]), (-9, ["finished"]))
    resumed = Child(life(bench.journal()))
    assert resumed.lines() == ["finished"]
    resumed.wait()
    assert (bench.count, file.read_text(), bench.switch.read_text()) == (1, "new", "on")
    assert bench.log == ["on", "off"] * (len(bench.log) // 2) + ["on"]
    assert all(attempt.kept for attempt in bench.attempts() if attempt.how_undone is None)
    assert bench.undoer().undo_all() == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_kill_9_inside_the_effect(bench: Bench, when: str) -> None:
    action = count(bench)
    (bench.folder / f"die-{when}").touch()

    def work(say: Callable[[str], None]) -> None:
        adopt(bench.workshop()).perform(action, allowed(action))

    assert Child(work).wait() == -9
    assert bench.count == (0 if when == "before" else 1)
    adopt(bench.workshop()).perform(action, allowed(action))
    assert bench.count == 1


def test_attempts_are_found_by_scope(bench: Bench) -> None:
    workshop = bench.workshop()
    workshop.scope("run", "task", "trial/1")
    adopt(workshop).perform(turn(bench), allowed(turn(bench)))
    assert [attempt.scope for attempt in bench.attempts()] == [ADOPTION]
