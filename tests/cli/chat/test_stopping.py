"""Ctrl-C: once stops the turn and everything is clean, twice leaves at once; nothing is left behind either way."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.cli.chat.conftest import Chat
from tests.cli.chat.terminal import CTRL_C, CTRL_D
from tests.cli.program import Program
from tests.processes import wait_for


def kinds(program: Program) -> list[str]:
    """The kinds of all records, in order."""
    with closing(sqlite3.connect(program.state / "journal.sqlite3")) as journal:
        return [kind for (kind,) in journal.execute("SELECT kind FROM records ORDER BY seq")]


def last(program: Program) -> dict[str, Any]:
    """The last turn of the newest session."""
    id = program("sessions", "list", "--json").envelope()["result"]["sessions"][0]["id"]
    turn: dict[str, Any] = program("sessions", "show", id, "--json").envelope()["result"]["turns"][-1]
    return turn


def leases(program: Program) -> list[Path]:
    """Leases that nobody gave back."""
    return list((program.state / "leases").glob("*.lease"))


def test_once_stops_the_turn_takes_its_trial_back_and_the_prompt_comes_back(program: Program, toys: Chat) -> None:
    file = program.folder / "a.txt"
    file.write_text("before\n")
    with toys() as terminal:
        terminal.say("loom try a.txt wait")
        terminal.shown("Do it? [y/N]")
        terminal.press("y\n")
        terminal.screen_shows("loom is at it")
        assert file.read_text() == "tried\n"
        terminal.press(CTRL_C)
        terminal.shown("/resume goes on with it")
        terminal.prompted()
        assert file.read_text() == "before\n"
        assert leases(program) == []
        assert "run.interrupted" in kinds(program) and "effect.undone" in kinds(program)
        terminal.say("anvil it")
        terminal.shown("anvil: accepted")
        terminal.prompted()
        terminal.press(CTRL_C)
        terminal.shown("Ctrl-C once more leaves")
        terminal.press(CTRL_C)
        assert terminal.code() == 0
        terminal.gone()
    assert last(program)["status"] == "accepted"


def test_a_stopped_turn_is_gone_on_with(program: Program, toys: Chat) -> None:
    with toys() as terminal:
        terminal.say("loom patiently")
        terminal.screen_shows("loom is at it")
        terminal.press(CTRL_C)
        terminal.shown("/resume goes on with it")
        terminal.prompted()
        run = last(program)["run"]
        terminal.say("/resume")
        terminal.shown("loom is at it")
        terminal.press(CTRL_C)
        terminal.shown("/resume goes on with it")
        terminal.prompted()
        terminal.press(CTRL_D)
        assert terminal.code() == 0
    assert (last(program)["run"], last(program)["status"]) == (run, "interrupted")
    assert kinds(program).count("run.interrupted") == 2


def test_several_specialists_have_a_line_each_and_stop_together(program: Program, toys: Chat) -> None:
    with toys(size=(80, 24)) as terminal:
        terminal.say("Loom patiently. Anvil patiently.")
        terminal.screen_shows("t1 loom  loom is at it")
        terminal.screen_shows("t2 anvil  anvil is at it")
        terminal.press(CTRL_C)
        terminal.shown("/resume goes on with it")
        terminal.prompted()
        assert last(program)["status"] == "interrupted"
        terminal.press(CTRL_D)
        assert terminal.code() == 0
        terminal.gone()


def test_one_ends_and_says_so_while_the_other_works(program: Program, toys: Chat) -> None:
    with toys() as terminal:
        terminal.say("Loom it. Anvil patiently.")
        terminal.shown("t1 loom  accepted: loom is done")
        terminal.screen_shows("t2 anvil  anvil is at it")
        terminal.press(CTRL_C)
        terminal.shown("/resume goes on with it")


def test_a_question_waits_for_the_other_specialists_and_says_so(program: Program, toys: Chat) -> None:
    with toys() as terminal:
        terminal.say("Loom write a.txt. Anvil patiently.")
        terminal.screen_shows("t1 loom  waits for your answer, asked when the others are done")
        terminal.press(CTRL_C)
        terminal.shown("/resume goes on with it")
    assert not (program.folder / "a.txt").exists()


def test_what_does_not_stop_is_let_go_of_and_can_change_nothing(program: Program, toys: Chat) -> None:
    file = program.folder / "a.txt"
    file.write_text("before\n")
    with toys("--yes") as terminal:
        terminal.say("Loom try a.txt wait. Anvil wait.")
        terminal.screen_shows("loom is at it")
        terminal.screen_shows("anvil is at it")
        terminal.press(CTRL_C)
        terminal.shown("/resume goes on with it")
        terminal.prompted()
        wait_for(lambda: file.read_text() == "before\n", "the trial to be taken back")
        assert leases(program) == []
        terminal.say("loom it")
        terminal.shown("loom: accepted")
        terminal.prompted()
        terminal.press(CTRL_D)
        terminal.shown("go on with: opswright -c")
        assert terminal.code() == 0
        terminal.gone()


def test_twice_leaves_at_once_and_the_watchdog_takes_the_trial_back(program: Program, toys: Chat) -> None:
    file = program.folder / "a.txt"
    file.write_text("before\n")
    with toys("--yes") as terminal:
        terminal.say("Loom try a.txt wait. Anvil wait.")
        terminal.screen_shows("loom is at it")
        terminal.screen_shows("anvil is at it")
        terminal.press(CTRL_C)
        terminal.shown("stopping")
        terminal.press(CTRL_C)
        terminal.shown("left;")
        assert terminal.code() == 130
        terminal.gone()
    assert file.read_text() == "before\n"
    assert last(program)["status"] == "running"


def test_ctrl_c_at_the_question_does_nothing(program: Program, toys: Chat) -> None:
    file = program.folder / "a.txt"
    file.write_text("before\n")
    with toys() as terminal:
        terminal.say("loom write a.txt")
        terminal.shown("Do it? [y/N]")
        terminal.press(CTRL_C)
        terminal.shown("/resume goes on with it")
        terminal.say("/approve")
        terminal.shown("files.write")
        terminal.say("/resume")
        terminal.shown("Do it? [y/N]")
        terminal.press("y\n")
        terminal.shown("loom: accepted")
        terminal.prompted()
    assert file.read_text() == "written\n"


def test_told_to_end_it_ends_as_cleanly(program: Program, toys: Chat) -> None:
    file = program.folder / "a.txt"
    file.write_text("before\n")
    with toys("--yes") as terminal:
        terminal.say("loom try a.txt wait")
        terminal.screen_shows("loom is at it")
        terminal.end()
        assert terminal.code() != 0
        terminal.gone()
    assert file.read_text() == "before\n" and leases(program) == []
    assert last(program)["status"] == "interrupted"
    with toys("-c") as terminal:
        terminal.prompted()
        terminal.end()
        assert terminal.code() != 0
        terminal.gone()


def test_killed_in_a_turn_the_session_goes_on(program: Program, toys: Chat) -> None:
    file = program.folder / "a.txt"
    file.write_text("before\n")
    with toys() as terminal:
        terminal.say("loom try a.txt wait")
        terminal.shown("Do it? [y/N]")
        terminal.press("y\n")
        terminal.screen_shows("loom is at it")
        terminal.kill()
        terminal.gone()
    assert file.read_text() == "before\n"
    with toys("-c") as terminal:
        assert "> loom try a.txt wait" in terminal.shown("(running)")
        terminal.say("anvil it")
        terminal.shown("anvil: accepted")
        terminal.prompted()
    assert json.dumps(last(program)["status"]) == '"accepted"'
