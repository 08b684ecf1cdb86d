"""What a turn is about: pure rules, pinned by a table; what follows is carried over and nothing else."""

from pathlib import Path

import pytest

from opswright.agents.chat.facts import Facts
from opswright.agents.chat.following import is_talk, leans, read_request
from opswright.agents.outcomes import TaskOutcome
from opswright.agents.routing import Field
from opswright.agents.sessions import Turn

ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("requests.tsv").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
FIELDS = (
    Field("loom", "Weaves.", keywords=("loom", "weave it"), installed=True),
    Field("anvil", "Forges.", keywords=("anvil", "forge it"), installed=True),
)


def turn(number: int, *specialists: str, receipt: str = "r.json") -> Facts:
    """A turn that these specialists worked on."""
    outcomes = [TaskOutcome("t1", name, "goal", "accepted", "done", receipt=receipt) for name in specialists]
    return Facts(Turn(number, f"run{number}", 0.0, "asked"), tuple(outcomes), ())


@pytest.mark.parametrize(("what", "request_"), ROWS)
def test_requests_of_a_session(what: str, request_: str) -> None:
    if what == "work":
        assert not is_talk(request_, True)
    else:
        assert is_talk(request_, True) == (what == "talk")
        assert what == "talk" or leans(request_)


def test_nothing_was_done_yet_so_nothing_is_asked_about_it() -> None:
    assert not is_talk("why did that fail?", False) and not is_talk("What did you change?", False)
    assert is_talk("what can you do?", False) and is_talk("hello", False)


def test_a_long_request_says_itself_what_it_is_about() -> None:
    assert leans("make it stricter")
    assert not leans("make it stricter " + "so that nobody but the auditors can read what lies there " * 2)


def test_what_follows_goes_to_the_specialist_of_the_last_turn_with_its_result() -> None:
    reading = read_request("now make it stricter", (), FIELDS, [turn(1, "anvil"), turn(2, "loom"), turn(3)])
    assert reading.specialists == ("loom",)
    assert [one.specialist for one in reading.earlier] == ["loom"]
    specialist, result = reading.carried
    assert specialist == "the specialist of the last turn: loom"
    assert result == "the loom result of turn 2: accepted, with its receipt"


def test_words_that_name_a_specialist_win_and_it_gets_its_own_earlier_result() -> None:
    reading = read_request("then anvil it once more", (), FIELDS, [turn(1, "anvil"), turn(2, "loom")])
    assert reading.specialists == ()  # the request is routed by its words
    assert [one.specialist for one in reading.earlier] == ["anvil"]
    assert reading.carried == ("the anvil result of turn 1: accepted, with its receipt",)


def test_a_specialist_without_an_earlier_result_gets_none() -> None:
    reading = read_request("then anvil it", (), FIELDS, [turn(1, "loom")])
    assert (reading.specialists, reading.earlier, reading.carried) == ((), (), ())


def test_several_specialists_could_be_meant_so_none_is() -> None:
    reading = read_request("now make it stricter", (), FIELDS, [turn(1, "loom", "anvil")])
    assert (reading.specialists, reading.earlier) == ((), ())


def test_a_request_that_leans_on_nothing_carries_nothing() -> None:
    reading = read_request("please use the loom for the red carpet", (), FIELDS, [turn(1, "loom")])
    assert (reading.talk, reading.specialists, reading.earlier, reading.carried) == (False, (), (), ())


def test_the_first_turn_follows_nothing() -> None:
    assert read_request("now make it stricter", (), FIELDS, []).earlier == ()
