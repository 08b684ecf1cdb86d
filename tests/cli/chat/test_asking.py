"""A person asks: from the first start to the answer, with files, several lines, completion and history."""

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.chat.conftest import Chat
from tests.cli.chat.terminal import ALT_ENTER, CTRL_C, CTRL_D, ENTER, TAB, UP
from tests.cli.program import EXAMPLE, Program


def sessions(program: Program) -> list[dict[str, Any]]:
    """What `sessions list` says."""
    found: list[dict[str, Any]] = program("sessions", "list", "--json").envelope()["result"]["sessions"]
    return found


def turns(program: Program) -> list[dict[str, Any]]:
    """The turns of the newest session."""
    id = sessions(program)[0]["id"]
    found: list[dict[str, Any]] = program("sessions", "show", id, "--json").envelope()["result"]["turns"]
    return found


def test_a_policy_is_repaired_shown_applied_and_taken_back_without_a_model(program: Program, chat: Chat) -> None:
    for name in ("policy.json", "requests.yaml"):
        shutil.copy(EXAMPLE / name, program.folder)
    faulty = (program.folder / "policy.json").read_text()
    with chat(size=(80, 24)) as terminal:
        assert "no model is configured" in terminal.shown("/help lists the commands")
        terminal.say("Why can nobody read the reports bucket? Repair it @policy.json @requests.yaml")
        answer = terminal.shown("/apply adopts the result")
        assert "policy: accepted (solver tier)" in answer and "+++ b/policy.json" in answer
        assert "cost: 0 tokens, $0.0000, no model called" in answer and "receipt: " in answer
        assert "tiers: solver" in answer
        assert "\x1b[32m+" in terminal.raw and "\x1b[31m-" in terminal.raw
        terminal.say("/apply")
        assert "+++ " in terminal.shown("Do it? [y/N]")
        assert (program.folder / "policy.json").read_text() == faulty
        terminal.press("n\n")
        terminal.shown("refused")
        terminal.say("/apply")
        terminal.shown("Do it? [y/N]")
        terminal.press("y\n")
        terminal.shown("holds the accepted policy")
        assert (program.folder / "policy.json").read_text() != faulty
        terminal.say("what did you change?")
        assert "policy.json" in (said := terminal.shown("to take it back: /undo "))
        assert "the model's words" not in said
        number = terminal.shown("\n").strip()
        terminal.say(f"/undo {number}")
        terminal.shown("Take it back? [y/N]")
        terminal.press("y\n")
        terminal.shown(f"{number}: undone")
        assert (program.folder / "policy.json").read_text() == faulty
        assert max(len(line) for line in terminal.screen.text().split("\n")) <= 80
        terminal.prompted()
        terminal.press(CTRL_D)
        terminal.shown("go on with: opswright -c")
        assert terminal.code() == 0
        terminal.gone()
    first, second = turns(program)
    assert (first["status"], second["status"]) == ("accepted", "talk")
    assert [one["name"] for one in first["files"]] == ["policy.json", "requests.yaml"]
    assert sessions(program)[0]["title"].startswith("Why can nobody read the reports bucket?")


def test_several_lines_by_backslash_alt_enter_and_pasting(program: Program, toys: Chat) -> None:
    with toys() as terminal:
        terminal.prompted()
        terminal.press(
            "loom one\\", ENTER, "loom two", ALT_ENTER, "loom it \x1b[200~loom three\nloom four\x1b[201~", ENTER
        )
        terminal.shown("loom: accepted")
        terminal.prompted()
        terminal.press(CTRL_D)
        assert terminal.code() == 0
    assert turns(program)[0]["request"] == "loom one\nloom two\nloom it loom three\nloom four"


def test_commands_files_and_specialists_are_completed(program: Program, toys: Chat) -> None:
    (program.folder / "sub").mkdir()
    (program.folder / "sub" / "pattern.txt").write_text("text")
    (program.folder / "sub" / "my pattern.txt").write_text("text")
    with toys() as terminal:
        terminal.prompted()
        terminal.press("/ti", TAB)
        terminal.screen_shows("> /tier")
        terminal.press(" so", TAB, ENTER)
        terminal.shown("tier: solver")
        terminal.prompted()
        terminal.press("please anv", TAB)
        terminal.screen_shows("please anvil")
        terminal.press(" it @su", TAB)
        terminal.screen_shows("@sub/")
        terminal.press("pat", TAB)
        terminal.screen_shows("@sub/pattern.txt")
        terminal.press(ENTER)
        terminal.shown("anvil had files ['sub/pattern.txt']")
        terminal.say("/files clear")
        terminal.shown("nothing is attached")
        terminal.prompted()
        terminal.press("please anvil it @sub/my", TAB)
        terminal.screen_shows('@"sub/my pattern.txt"')
        terminal.press(ENTER)
        terminal.shown("anvil had files ['sub/my pattern.txt']")


def test_what_was_typed_is_there_next_time_and_passwords_are_not(program: Program, toys: Chat) -> None:
    with toys() as terminal:
        terminal.say("loom it with the first pattern")
        terminal.shown("loom: accepted")
        terminal.say("anvil it, password=hunter22222")
        terminal.shown("anvil: accepted")
        terminal.prompted()
        terminal.press(CTRL_D)
        terminal.code()
    history = program.state / "chat_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert b"hunter22222" not in history.read_bytes()
    assert not any(b"hunter22222" in path.read_bytes() for path in program.state.rglob("*") if path.is_file())
    with toys() as terminal:
        terminal.prompted()
        terminal.press(UP)
        terminal.screen_shows("> anvil it, password=[redacted secret]")
        terminal.press(CTRL_C)
        terminal.press("\x12")
        terminal.screen_shows("I-search backward")
        terminal.press("first pat")
        terminal.screen_shows("loom it with the first pattern")
        terminal.press(ENTER, ENTER)
        terminal.shown("loom: accepted")


@pytest.mark.parametrize("answer", ["y", "n"])
def test_the_diff_is_shown_and_yes_does_it(program: Program, toys: Chat, answer: str) -> None:
    (program.folder / "a.txt").write_text("before\n")
    with toys() as terminal:
        terminal.say("loom write a.txt")
        shown = terminal.shown("Do it? [y/N]")
        assert "-before" in shown and "+written" in shown
        assert (program.folder / "a.txt").read_text() == "before\n"
        terminal.press(f"{answer}\n")
        terminal.shown("cost:")
        terminal.prompted()
    expected = {"y": ("accepted", "written\n"), "n": ("approval", "before\n")}[answer]
    assert (turns(program)[0]["status"], (program.folder / "a.txt").read_text()) == expected


def test_keys_that_were_pressed_before_the_question_do_not_answer_it(program: Program, toys: Chat) -> None:
    (program.folder / "a.txt").write_text("before\n")
    with toys() as terminal:
        terminal.prompted()
        terminal.press("loom write a.txt", ENTER, "y\n")
        terminal.shown("Do it? [y/N]")
        terminal.press("\n")
        terminal.shown("refused")
    assert (program.folder / "a.txt").read_text() == "before\n"


def test_control_characters_from_outside_are_made_visible(program: Program, toys: Chat) -> None:
    (program.folder / "a\x1b[31mb.txt").write_text("text")
    with toys() as terminal:
        terminal.say("/file a*")
        terminal.shown("error: a*")
        terminal.prompted()
        terminal.press("\x1b[200~/file 'a\x1b[31mb.txt'\x1b[201~", ENTER)
        terminal.shown("attached: a\\x1b[31mb.txt")


def test_a_session_continues_with_its_files_and_results(program: Program, toys: Chat) -> None:
    (program.folder / "a.txt").write_text("text")
    with toys() as terminal:
        terminal.say("loom it @a.txt")
        terminal.shown("loom had files ['a.txt'] and 0 earlier results")
        terminal.prompted()
        terminal.press(CTRL_D)
        terminal.code()
    (program.folder / "a.txt").write_text("changed")
    with toys("-c") as terminal:
        assert "> loom it a.txt" in terminal.shown("attached: a.txt")
        terminal.say("now make it stricter")
        said = terminal.shown("loom had files ['a.txt'] and 1 earlier results")
        assert "carried over: files a.txt" in said
        assert "carried over: a.txt was changed since the last turn" in said
        assert "carried over: the specialist of the last turn: loom" in said
        assert "carried over: the loom result of turn 1: accepted, with its receipt" in said
        terminal.say("/files clear")
        terminal.shown("nothing is attached")
        terminal.say("anvil it")
        terminal.shown("anvil had files [] and 0 earlier results")
        terminal.prompted()
    assert [one["number"] for one in turns(program)] == [1, 2, 3]
    assert len(sessions(program)) == 1


def test_commands_of_the_chat(program: Program, toys: Chat) -> None:
    with toys() as terminal:
        for line, expected in (
            ("/", "there is no / (/help lists them)"),
            ("/aprove", "there is no /aprove; did you mean /approve?"),
            ("/c", "/c could be /cost, /clear"),
            ("/hel", "what stands; take a change back"),
            ("/tier huge", "there is no tier 'huge'"),
            ("/tier high", "no model is configured for the high tier"),
            ("/tier", "tier: auto (no model is configured"),
            ("/cost", "limits of the session: $5"),
            ("/memory", "0 lessons in use"),
            ("/files", "nothing is attached"),
            ("/file nowhere.txt", "nowhere.txt: cannot be read"),
            ("/undo", "nothing to undo"),
            ("/undo 12", "there is no change 12"),
            ("/approve", "nothing waits for approval"),
            ("/approve 123", "12 hex digits"),
            ("/apply", "no result of this session has a receipt yet"),
            ("/last", "nothing was asked yet"),
            ("/resume", "no turn of this session was stopped"),
            ("what is this? @nowhere/x.json", "nowhere/x.json: there is no such file"),
            ("loom it", "loom: accepted"),
            ("/last", "loom: accepted"),
            ("/sessions", "(this one)"),
        ):
            terminal.say(line)
            terminal.shown(expected)
        terminal.say("/exit")
        assert terminal.code() == 0
    assert len(turns(program)) == 1


def test_the_session_s_budget_holds_across_turns_and_continuations(toys: Chat) -> None:
    limit = {"OPSWRIGHT_MAX_TRIALS": "1"}
    with toys(extra=limit) as terminal:
        terminal.say("loom it")
        terminal.shown("loom: accepted")
        terminal.say("anvil it")
        terminal.shown("the budget is spent: trial 1 may need 1 trials, 0 left of the session's limit of 1 trials")
        terminal.prompted()
        terminal.press(CTRL_D)
        terminal.code()
    with toys("-c", extra=limit) as terminal:
        terminal.say("loom it once more")
        terminal.shown("the budget is spent")
        terminal.say("/cost")
        terminal.shown("1 trials (1 made)")


def test_nothing_of_it_is_asked_of_whoever_only_looks(program: Program, chat: Chat) -> None:
    with chat() as terminal:
        terminal.prompted()
        terminal.press(CTRL_C)
        terminal.shown("Ctrl-C once more leaves")
        terminal.press(CTRL_C)
        assert terminal.code() == 0
    assert sessions(program) == []
    assert program("-c").code == 2
    assert "needs a terminal" in program("-c").stderr


def test_a_session_is_open_in_one_place(program: Program, toys: Chat, chat: Chat) -> None:
    with toys() as terminal:
        terminal.say("loom it")
        terminal.shown("loom: accepted")
        terminal.prompted()
        with toys("-c") as second:
            second.shown("is open in another process")
            assert second.code() == 6
        id = sessions(program)[0]["id"]
        refused = program("sessions", "delete", id)
        assert refused.code == 6 and "open in another process" in refused.error_line()


def test_starting_loads_no_library_that_only_a_turn_needs(toys: Chat) -> None:
    heavy = {"litellm", "openai", "langgraph", "chromadb", "numpy", "docker", "distributed", "inspect_ai"}
    with toys("--modules", size=(4000, 20)) as terminal:
        terminal.say("/help")
        terminal.say("/exit")
        terminal.shown("MODULES ")
        assert terminal.code() == 0
        loaded = set(json.loads(terminal.all().rpartition("MODULES ")[2]))
    assert "prompt_toolkit" in loaded and not loaded & heavy


def test_without_prompt_toolkit_one_line_says_what_to_install(toys: Chat) -> None:
    with toys("--without", "prompt_toolkit") as terminal:
        terminal.shown("pip install 'opswright[chat]'")
        assert terminal.code() == 2
        assert "Traceback" not in terminal.all()


def test_a_terminal_that_can_do_nothing(program: Program, toys: Chat) -> None:
    with toys(extra={"TERM": "dumb"}) as terminal:
        terminal.shown("/help lists the commands")
        terminal.shown("> ")
        terminal.press("loom it", ENTER)
        assert "loom is at it" in terminal.shown("loom: accepted")
        terminal.shown("> ")
        terminal.press("/exit", ENTER)
        assert terminal.code() == 0
        assert "\x1b[A" not in terminal.raw and "\x1b[2K" not in terminal.raw


def test_no_color_is_honoured(program: Program, toys: Chat) -> None:
    (program.folder / "a.txt").write_text("before\n")
    with toys(extra={"NO_COLOR": "1"}) as terminal:
        terminal.say("loom write a.txt")
        terminal.shown("Do it? [y/N]")
        terminal.press("y\n")
        terminal.shown("cost:")
        terminal.prompted()
        assert not any(f"\x1b[{code}m" in terminal.raw for code in (31, 32, 33, 36))


def test_the_window_is_resized(toys: Chat) -> None:
    with toys(size=(80, 24)) as terminal:
        terminal.prompted()
        terminal.press("loom it ", "and again " * 6)
        terminal.resize(40, 12)
        terminal.screen_shows("spent, /help")
        terminal.press(ENTER)
        terminal.shown("loom: accepted")
        terminal.resize(100, 30)
        terminal.say("/cost")
        terminal.shown("limits of the session")


def test_home_is_left_tidy(program: Program, toys: Chat) -> None:
    with toys() as terminal:
        terminal.say("loom it")
        terminal.shown("loom: accepted")
        terminal.prompted()
        terminal.press(CTRL_D)
        terminal.code()
    left = {path.relative_to(program.state).as_posix() for path in program.state.rglob("*") if path.is_file()}
    kinds = {Path(one).parts[0].partition(".")[0] for one in left}
    assert kinds == {"journal", "checkpoints", "chat_history", "receipts"}
