"""Undoing by a person: by id or all that is left over, never under a running owner's hands."""

from pathlib import Path

import pytest

from opswright.agents.attempts import How
from opswright.errors import ApprovalRefused, Exit, InputError, ToolFailed
from opswright.tools.files import write
from tests.agents.workbench import Bench, adopt, allowed, count, kill_self, start_bench, turn
from tests.processes import Child


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return start_bench(tmp_path / "bench")


def leave_over(bench: Bench, *tos: str) -> None:
    """A process that turns the switch and is killed."""

    def work(say: object) -> None:
        performer = adopt(bench.workshop())
        for to in tos:
            performer.perform(turn(bench, to), allowed(turn(bench, to)))
        kill_self()

    assert Child(work).wait() == -9


def test_adopted_changes_are_undone_by_id_and_once(bench: Bench) -> None:
    performer = adopt(bench.workshop())
    performer.perform(turn(bench), allowed(turn(bench)))
    performer.keep()
    undoer, id = bench.undoer(), bench.attempts()[0].seq
    assert (list(undoer.open()), list(undoer.left_over()), undoer.undo_all()) == ([], [], [])
    assert bench.switch.read_text() == "on"
    assert undoer.undo(id).message == "undone"
    assert bench.log == ["on", "off"]
    assert list(bench.leases.iterdir()) == []
    again = undoer.undo(id)
    assert again.message == "already undone (person)" and again.exit_code == Exit.DONE
    assert bench.log == ["on", "off"]


def test_all_that_is_left_over_is_undone_newest_first(bench: Bench) -> None:
    leave_over(bench, "on", "full")
    assert [attempt.action.arguments["to"] for attempt in bench.undoer().left_over()] == ["full", "on"]
    assert [one.message for one in bench.undoer().undo_all()] == ["undone", "undone"]
    assert bench.log == ["on", "full", "on", "off"]
    assert bench.undoer().undo_all() == []
    assert list(bench.leases.iterdir()) == []


def test_a_running_owners_work_is_left_alone(bench: Bench) -> None:
    performer = adopt(bench.workshop())
    performer.perform(turn(bench), allowed(turn(bench)))
    undoer, id = bench.undoer(), bench.attempts()[0].seq
    with pytest.raises(ApprovalRefused, match=r"process \d+ on .* still at work"):
        undoer.undo(id)
    with pytest.raises(ApprovalRefused):
        undoer.undo(id, force=True)
    outcome = undoer.undo_all()[0]
    assert (outcome.exit_code, outcome.message) == (Exit.APPROVAL, "not undone")
    assert "still at work" in outcome.error
    assert list(undoer.left_over()) == []
    assert bench.log == ["on"]
    assert len(list(bench.leases.glob("*.lease"))) == 1
    performer.revert()


def test_what_somebody_changed_since_is_kept_unless_forced(bench: Bench) -> None:
    action = write.action(bench.switch, "on")
    performer = adopt(bench.workshop())
    performer.perform(action, allowed(action))
    performer.keep()
    bench.switch.write_text("somebody's")
    undoer, id = bench.undoer(), bench.attempts()[0].seq
    with pytest.raises(ToolFailed) as error:
        undoer.undo(id)
    assert error.value.exit_code == 1
    assert bench.switch.read_text() == "somebody's"
    assert undoer.undo(id, force=True).message == "undone"
    assert bench.switch.read_text() == "off"


def test_one_failure_does_not_keep_the_others(bench: Bench) -> None:
    leave_over(bench, "on")
    (bench.folder / "revert-fails").touch()
    outcome = bench.undoer().undo_all()[0]
    assert (outcome.exit_code, outcome.error) == (Exit.FOUND, "the switch is stuck")
    (bench.folder / "revert-fails").unlink()
    (bench.folder / "revert-is-broken").touch()
    assert "KeyError" in bench.undoer().undo_all()[0].error
    (bench.folder / "revert-is-broken").unlink()
    assert bench.undoer().undo_all()[0].error == ""
    assert [attempt.how_undone for attempt in bench.attempts()] == [How.PERSON]


def test_what_cannot_be_undone_says_so(bench: Bench) -> None:
    adopt(bench.workshop()).perform(count(bench), allowed(count(bench)))
    bench.bury()
    with pytest.raises(ApprovalRefused, match="cannot be undone"):
        bench.undoer().undo(bench.attempts()[0].seq)


def test_an_unknown_id_is_bad_input(bench: Bench) -> None:
    bench.journal().append("note", 1)
    for id in (0, 1, 2, -1):
        with pytest.raises(InputError):
            bench.undoer().undo(id)


def test_what_was_undone_meanwhile_is_not_undone_again(bench: Bench) -> None:
    leave_over(bench, "on")
    undoer = bench.undoer()
    (seen,) = undoer.open()  # as somebody sees it who then has to wait for the lock
    bench.undoer().undo_all()
    performer = adopt(bench.workshop())
    performer.perform(turn(bench, "full"), allowed(turn(bench, "full")))
    undoer.take_back(seen, How.PERSON)
    assert bench.switch.read_text() == "full"
    performer.revert()


def test_what_was_taken_over_meanwhile_is_left_to_the_successor(bench: Bench) -> None:
    leave_over(bench, "on")
    (seen,) = bench.undoer().open()  # as somebody sees it who then has to wait for the lock
    successor = adopt(bench.workshop())
    successor.perform(turn(bench, "on"), allowed(turn(bench, "on")))
    with pytest.raises(ApprovalRefused, match="taken over"):
        bench.undoer().take_back(seen, How.PERSON)
    assert bench.switch.read_text() == "on"
    successor.revert()
    assert bench.log == ["on", "off"]


def test_two_undoers_undo_once(bench: Bench) -> None:
    leave_over(bench, "on")
    children = [Child(lambda say: say(str(len(bench.undoer().undo_all())))) for _ in range(4)]
    for child in children:
        child.lines()
        assert child.wait() == 0
    assert bench.log == ["on", "off"]
    assert len(list(bench.journal().read("effect.undone"))) == 1
