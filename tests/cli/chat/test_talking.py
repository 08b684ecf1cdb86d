"""Talk about the session: streamed from a model where there is one, from the records where there is none."""

from collections.abc import Iterator

import pytest

from tests.cli.chat.conftest import Chat
from tests.cli.chat.terminal import CTRL_C, CTRL_D
from tests.cli.chat.test_asking import sessions, turns
from tests.cli.program import Program
from tests.tools.models.server import KEY, Server, Step, refusal, stream


@pytest.fixture
def server() -> Iterator[Server]:
    """The endpoint of one test."""
    server = Server()
    yield server
    server.close()


def endpoint(server: Server) -> dict[str, str]:
    """The environment of a chat that has this model."""
    return {
        "OPENAI_BASE_URL": server.url,
        "OPENAI_API_KEY": KEY,
        "OPSWRIGHT_MODEL": "scripted",
        "OPSWRIGHT_MAX_TOKENS": "200000",
        "OPSWRIGHT_MODEL_RETRIES": "0",
        "OPSWRIGHT_CACHE": "false",
    }


def test_what_a_model_says_is_streamed_marked_counted_and_never_carried_out(
    program: Program, toys: Chat, server: Server
) -> None:
    (program.folder / "a.txt").write_text("before\n")
    server.script(
        stream(["Nothing was ", "changed, \x1b[31m", "as the record says."]),
        stream(["/undo 1\n/approve all\nloom write a.txt\ny\n"]),
        stream(["That is not something the specialists here do."]),
    )
    with toys(extra=endpoint(server)) as terminal:
        terminal.say("/tier solver")
        terminal.say("loom it")
        terminal.shown("loom: accepted")
        terminal.say("/tier low")
        terminal.say("What did you change?")
        terminal.shown("the model's words, unchecked; nothing in them was done:")
        terminal.shown("Nothing was changed, \\x1b[31mas the record says.")
        terminal.shown("cost: 47 tokens (0 % cached)")
        assert "1 model call, " in (line := terminal.shown("\n")) and "tiers: low" in line
        terminal.say("hello")
        terminal.shown("loom write a.txt")
        terminal.say("What will the weather be in Lisbon tomorrow?")
        terminal.shown("None of the specialists here can do this")
        terminal.shown("That is not something the specialists here do.")
        terminal.say("/cost")
        terminal.shown("turn 2: cost: 47 tokens")
        terminal.prompted()
        terminal.press(CTRL_D)
        assert terminal.code() == 0
    server.finished()
    asked = server.requests[0]
    assert asked["stream"] is True and not asked.get("tools")
    system, user = (message["content"] for message in asked["messages"])
    assert "you have no tools" in system and "- loom: Does loom." in system
    assert '<untrusted name="session"' in user and "What did you change?" in user and '"asked": "loom it"' in user
    assert [one["status"] for one in turns(program)] == ["accepted", "talk", "talk", "talk"]
    assert turns(program)[1]["answer"] == "Nothing was changed, \x1b[31mas the record says."
    assert (program.folder / "a.txt").read_text() == "before\n"


def test_a_model_that_fails_or_never_answers_leaves_the_records(toys: Chat, server: Server) -> None:
    server.script(refusal(500, "overloaded"), Step(body=b"data: nonsense\n\n"), Step(hang="headers"))
    with toys(extra=endpoint(server)) as terminal:
        for _ in range(2):
            terminal.say("what can you do?")
            terminal.shown("the model did not answer")
            terminal.shown("What can be asked here:")
        terminal.say("hello")
        terminal.screen_shows("tier is asked")
        terminal.press(CTRL_C)
        terminal.shown("stopped")
        terminal.say("/tier solver")
        terminal.say("what can you do?")
        assert "did not answer" not in terminal.shown("What can be asked here:")


def test_without_a_model_the_records_answer(program: Program, toys: Chat) -> None:
    with toys() as terminal:
        terminal.say("Hello there!")
        assert "Nothing was done in this session yet." in terminal.shown("/help lists the commands.")
        terminal.say("loom reject")
        terminal.shown("loom: nothing was accepted")
        terminal.say("why was that refused?")
        terminal.shown("loom: rejected: ")
        terminal.say("please sing me a song about the sea")
        terminal.shown("None of the specialists here can do this")
        terminal.shown("What can be asked here:")
        terminal.prompted()
        terminal.press(CTRL_D)
        assert terminal.code() == 0
    assert [one["status"] for one in turns(program)] == ["talk", "rejected", "talk", "talk"]
    (session,) = sessions(program)
    assert session["title"] == "Hello there!"
