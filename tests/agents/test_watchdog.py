"""The watchdog, with real processes: it undoes when the owner dies or the deadline passes, and never otherwise."""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from opswright.agents import watchdog
from opswright.agents.attempts import How
from opswright.agents.leases import Lease
from opswright.errors import EnvironmentFailed, OpswrightError, ToolFailed
from opswright.nouns import Action, Risk
from opswright.tools.files import write
from tests.agents.workbench import SHORT, Bench, adopt, allowed, start_bench, turn
from tests.processes import Child, is_gone, wait_for

Say = Callable[[str], None]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return start_bench(tmp_path / "bench")


def turned(bench: Bench) -> Action:
    return turn(bench, risk=Risk.DISRUPTIVE)


def owner(
    bench: Bench,
    then: Callable[[Say], None],
    deadline_s: float | None = None,
    patience: watchdog.Patience = SHORT,
) -> tuple[Child, int]:
    """A process that turned the switch under a watchdog and goes on with `then`; and the watchdog's pid."""

    def work(say: Say) -> None:
        performer = adopt(bench.workshop(deadline_s=deadline_s, patience=patience))
        performer.perform(turned(bench), allowed(turned(bench)))
        assert performer._watch is not None
        say(str(performer._watch.pid))
        then(say)

    child = Child(work)
    return child, int(child.line())


def sleep_on(say: Say) -> None:
    time.sleep(1000)


def test_the_owners_death_undoes(bench: Bench) -> None:
    child, pid = owner(bench, sleep_on)
    assert bench.switch.read_text() == "on"
    assert not is_gone(pid)
    child.kill()
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert bench.log == ["on", "off"]
    assert [attempt.how_undone for attempt in bench.attempts()] == [How.WATCHDOG]
    assert list(bench.leases.iterdir()) == []
    assert bench.undoer().undo_all() == []


def test_a_reversible_change_of_a_trial_is_watched_too(bench: Bench) -> None:
    action = write.action(bench.switch, "on")

    def work(say: Say) -> None:
        performer = bench.workshop().scope("run", "task", "trial/1")
        performer.perform(action, allowed(action))
        assert performer._watch is not None
        say(str(performer._watch.pid))
        time.sleep(1000)

    child = Child(work)
    pid = int(child.line())
    assert bench.switch.read_text() == "on"
    child.kill()
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert bench.switch.read_text() == "off"


def test_a_reversible_adoption_needs_none(bench: Bench) -> None:
    performer = adopt(bench.workshop())
    performer.perform(turn(bench), allowed(turn(bench)))
    assert performer._watch is None


def test_a_forked_child_that_keeps_the_pipe_does_not_hide_the_death(bench: Bench) -> None:
    reading, writing = os.pipe()

    def fork_and_sleep(say: Say) -> None:
        if os.fork() == 0:
            os.read(reading, 1)
            os._exit(0)
        say("forked")
        time.sleep(1000)

    child, pid = owner(bench, fork_and_sleep)
    assert child.line() == "forked"
    child.kill()
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert bench.log == ["on", "off"]
    os.write(writing, b"x")
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("ending", ["keep", "revert"])
def test_an_owner_that_finishes_ends_it(bench: Bench, ending: str) -> None:
    def work(say: Say) -> None:
        performer = adopt(bench.workshop())
        performer.perform(turned(bench), allowed(turned(bench)))
        assert performer._watch is not None
        say(str(performer._watch.pid))
        getattr(performer, ending)()
        say("finished")

    child = Child(work)
    pid = int(child.line())
    assert child.lines() == ["finished"]
    child.wait()
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert bench.log == (["on"] if ending == "keep" else ["on", "off"])
    assert [attempt.kept for attempt in bench.attempts()] == [ending == "keep"]


def test_an_owner_that_only_ends_has_not_kept(bench: Bench) -> None:
    child, pid = owner(bench, lambda say: None)
    assert child.wait() == 0
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert bench.log == ["on", "off"]


def test_a_lease_given_back_with_open_changes_undoes_them(bench: Bench) -> None:
    workshop = bench.workshop()
    adopt(workshop).perform(turned(bench), allowed(turned(bench)))
    workshop.close()
    assert bench.log == ["on", "off"]


def test_the_deadline_undoes_and_the_owner_may_do_nothing_more(bench: Bench) -> None:
    reading, writing = os.pipe()

    def go_on(say: Say) -> None:
        os.read(reading, 1)
        performer = workshop.scope("run", "task", "adoption")
        more = turn(bench, "full")
        for step in (lambda: performer.perform(more, allowed(more)), performer.keep):
            try:
                step()
                say("did it")
            except OpswrightError as error:
                say(f"{type(error).__name__} {error.exit_code} {error}")

    workshop = bench.workshop(deadline_s=0.3)

    def work(say: Say) -> None:
        adopt(workshop).perform(turned(bench), allowed(turned(bench)))
        go_on(say)

    child = Child(work)
    wait_for(lambda: [a.how_undone for a in bench.attempts()] == [How.WATCHDOG], "the deadline")
    assert bench.log == ["on", "off"]
    os.write(writing, b"x")
    said = child.lines()
    child.wait()
    assert len(said) == 2
    assert said[0].startswith("ToolFailed 1 the deadline passed")
    assert "undone" in said[1]
    assert bench.log == ["on", "off"]
    os.close(reading)
    os.close(writing)


def test_a_change_in_progress_at_the_deadline_is_taken_back_when_it_ends(bench: Bench) -> None:
    pipe = bench.folder / "pipe"
    os.mkfifo(pipe)
    action = turn(bench, risk=Risk.DISRUPTIVE, wait=str(pipe))

    def work(say: Say) -> None:
        try:
            adopt(bench.workshop(deadline_s=0.3, grace_s=0.2)).perform(action, allowed(action))
            say("did it")
        except OpswrightError as error:
            say(str(error))

    child = Child(work)
    wait_for(lambda: [a.how_undone for a in bench.attempts()] == [How.WATCHDOG], "the deadline")
    with pipe.open("w"):  # now the effect comes out of its wait and turns the switch
        pass
    said = child.lines()
    child.wait()
    assert len(said) == 1 and "deadline" in said[0]
    assert bench.log == ["on", "off"]


def test_an_owner_killed_in_a_change_that_outlived_the_deadline_leaves_nothing(bench: Bench) -> None:
    pipe = bench.folder / "pipe"
    os.mkfifo(pipe)
    action = turn(bench, risk=Risk.DISRUPTIVE, wait=str(pipe))
    marker = bench.folder / "turned"

    def work(say: Say) -> None:
        performer = adopt(bench.workshop(deadline_s=0.3, grace_s=0.2))
        revert = performer._take_back_if_revoked

        def die_first(attempt: object) -> None:
            assert revert is not None
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

        performer._take_back_if_revoked = die_first  # type: ignore[method-assign]
        performer.perform(action, allowed(action))

    child = Child(work)
    wait_for(lambda: [a.how_undone for a in bench.attempts()] == [How.WATCHDOG], "the deadline")
    with pipe.open("w"):
        pass
    assert child.wait() == -9
    wait_for(lambda: bench.switch.read_text() == "off" and marker.exists(), "the second undoing")
    assert bench.log == ["on", "off"]


def test_without_watchdog_and_owner_the_leftover_is_found_and_undone(bench: Bench) -> None:
    child, pid = owner(bench, sleep_on)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert list(bench.undoer().left_over()) == []  # its owner runs
    child.kill()
    assert [attempt.action for attempt in bench.undoer().left_over()] == [turned(bench)]
    assert bench.switch.read_text() == "on"
    undone = bench.undoer().undo_all()
    assert [(one.message, one.error) for one in undone] == [("undone", "")]
    assert bench.log == ["on", "off"]
    assert list(bench.undoer().left_over()) == []


def test_a_dead_watchdog_stops_further_work(bench: Bench) -> None:
    performer = adopt(bench.workshop())
    performer.perform(turned(bench), allowed(turned(bench)))
    assert performer._watch is not None
    pid = performer._watch.pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: is_gone(pid), "the watchdog")
    more = turn(bench, "full", Risk.DISRUPTIVE)
    with pytest.raises(EnvironmentFailed, match="watchdog"):
        performer.perform(more, allowed(more))
    performer.revert()
    assert bench.log == ["on", "off"]


def test_a_revert_that_fails_is_tried_again(bench: Bench) -> None:
    (bench.folder / "revert-fails").touch()
    child, pid = owner(bench, sleep_on)
    child.kill()
    wait_for(lambda: bool(list(bench.journal().read("undo.failed"))), "the first try")
    (bench.folder / "revert-fails").unlink()
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert bench.log == ["on", "off"]


def test_a_target_that_is_away_is_tried_again_and_again(bench: Bench) -> None:
    (bench.folder / "away").touch()
    child, pid = owner(bench, sleep_on)
    child.kill()
    wait_for(lambda: len(list(bench.journal().read("undo.failed"))) > 2 * watchdog.TRIES, "many tries")
    (bench.folder / "away").unlink()
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert bench.log == ["on", "off"]


@pytest.mark.parametrize(
    ("marker", "total", "tries"),
    [("revert-fails", 1000.0, watchdog.TRIES), ("revert-is-broken", 1000.0, 3), ("away", 0.0, 1)],
)
def test_what_cannot_be_undone_is_given_up(bench: Bench, marker: str, total: float, tries: int) -> None:
    (bench.folder / marker).touch()
    patience = watchdog.Patience(first=0.01, longest=0.02, total=total)
    child, pid = owner(bench, sleep_on, patience=patience)
    child.kill()
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert len(list(bench.journal().read("undo.failed"))) == tries
    (bench.folder / marker).unlink()
    assert [one.error for one in bench.undoer().undo_all()] == [""]
    assert bench.log == ["on", "off"]


def test_a_target_that_is_away_at_the_deadline_is_tried_again_too(bench: Bench) -> None:
    (bench.folder / "away").touch()
    child, pid = owner(bench, sleep_on, deadline_s=0.2)
    wait_for(lambda: len(list(bench.journal().read("undo.failed"))) > watchdog.TRIES, "many tries")
    (bench.folder / "away").unlink()
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert bench.log == ["on", "off"]
    child.kill()


def test_the_pauses_grow_and_last_an_hour() -> None:
    patience = watchdog.Patience()
    assert (patience.first, patience.longest) == (1.0, 60.0)
    assert patience.total >= 3600.0


def test_signals_to_a_whole_service_do_not_end_it(bench: Bench) -> None:
    child, pid = owner(bench, sleep_on)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        os.kill(pid, number)
    child.kill()
    wait_for(lambda: is_gone(pid), "the watchdog")
    assert bench.log == ["on", "off"]


def test_each_change_has_its_own_deadline(bench: Bench) -> None:
    """One that was taken back in time does not count any more, and the clock of the next begins with it."""
    performer = bench.workshop().scope("run", "task", "trial/1")
    short = replace(turned(bench), deadline_s=0.5)
    other = replace(turn(bench, "full", Risk.DISRUPTIVE), deadline_s=0.4)
    performer.perform(short, allowed(short))
    (first,) = bench.attempts()
    assert first.deadline_at is not None
    performer.take_back(short)
    wait_for(lambda: time.monotonic() > (first.deadline_at or 0), "the first deadline")
    performer.perform(other, allowed(other))
    second = bench.attempts()[-1]
    assert second.deadline_at is not None and second.deadline_at > first.deadline_at
    wait_for(lambda: [one.how_undone for one in bench.attempts()] == [How.REVERTED, How.WATCHDOG], "the second one")
    assert bench.log == ["on", "off", "full", "off"]
    with pytest.raises(ToolFailed, match="deadline"):
        performer.check()
    performer.revert()


def test_a_change_without_a_deadline_goes_with_the_one_that_is_due(bench: Bench) -> None:
    performer = bench.workshop().scope("run", "task", "trial/1")
    short = replace(turn(bench, "full", Risk.DISRUPTIVE), deadline_s=0.2)
    for action in (turned(bench), short):
        performer.perform(action, allowed(action))
    wait_for(lambda: bench.switch.read_text() == "off", "the deadline")
    assert bench.log == ["on", "full", "on", "off"]
    performer.revert()


def test_nothing_is_sampled_once_a_deadline_has_passed(bench: Bench) -> None:
    performer = bench.workshop().scope("run", "task", "trial/1")
    short = replace(turned(bench), deadline_s=0.2)
    performer.perform(short, allowed(short))
    assert performer.note("before", lambda: bench.switch.read_text()) == "on"

    def meanwhile() -> str:
        wait_for(lambda: bool(list(bench.journal().read("lease.revoked"))), "the deadline")
        return bench.switch.read_text()

    for name in ("during", "after", "before"):
        with pytest.raises(ToolFailed, match="deadline"):
            performer.note(name, meanwhile)
    assert [record.payload for record in bench.journal().read("note")] == ["on"]
    performer.revert()


def test_nothing_is_sampled_that_nobody_watches(bench: Bench) -> None:
    performer = bench.workshop().scope("run", "task", "trial/1")
    performer.perform(turned(bench), allowed(turned(bench)))
    assert performer._watch is not None
    os.kill(performer._watch.pid, signal.SIGKILL)
    wait_for(lambda: is_gone(performer._watch.pid if performer._watch else 0), "the watchdog")
    with pytest.raises(EnvironmentFailed, match="watchdog"):
        performer.note("a", lambda: 1)
    performer.revert()
    assert performer.note("a", lambda: 1) == 1


def test_a_successor_waits_for_or_takes_over_from_a_dead_owner(bench: Bench) -> None:
    child, pid = owner(bench, sleep_on)
    child.kill()
    performer = adopt(bench.workshop())
    performer.perform(turned(bench), allowed(turned(bench)))
    performer.keep()
    wait_for(lambda: is_gone(pid), "the watchdog")
    # Either the watchdog was first, and the step was done again, or the successor was, and it stands from before.
    assert bench.log in (["on"], ["on", "off", "on"])
    assert [attempt.kept for attempt in bench.attempts()][-1]


def test_a_successor_has_a_watchdog_of_its_own(bench: Bench) -> None:
    first, pid = owner(bench, sleep_on)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: is_gone(pid), "the watchdog")
    first.kill()
    second, pid = owner(bench, sleep_on)  # finds the step done and takes it over
    assert bench.log == ["on"]
    second.kill()
    wait_for(lambda: is_gone(pid), "the second watchdog")
    assert bench.log == ["on", "off"]


def test_a_watchdog_that_does_not_come_up_stops_the_work(bench: Bench) -> None:
    (bench.folder / "state").mkdir()
    with pytest.raises(EnvironmentFailed, match="did not come up"):
        watchdog.start(bench.journal().path, bench.leases, "no such lease")


def test_a_folder_named_opswright_is_not_what_runs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = bench.folder / "opswright"
    planted.mkdir()
    (planted / "__init__.py").write_text(f"open({str(bench.folder / 'ran')!r}, 'w')")
    monkeypatch.chdir(bench.folder)
    performer = adopt(bench.workshop())
    performer.perform(turned(bench), allowed(turned(bench)))
    performer.revert()
    assert not (bench.folder / "ran").exists()


def test_it_is_in_a_session_of_its_own_and_small(bench: Bench) -> None:
    lease = Lease(bench.leases, bench.journal())
    watch = watchdog.start(bench.journal().path, bench.leases, lease.id)
    assert os.getsid(watch.pid) == watch.pid
    watch.finished()
    assert is_gone(watch.pid)


def test_it_loads_nothing_heavy() -> None:
    program = "import sys, opswright.agents.watchdog; print(*sys.modules)"
    reading = os.popen(f"{sys.executable} -c '{program}'")
    loaded = set(reading.read().split())
    reading.close()
    assert "opswright.agents.undo" in loaded
    assert loaded.isdisjoint({"langgraph", "litellm", "cryptography", "cvc5", "policy_sentry", "yaml", "rich"})
