"""Which questions ask for the same: pairs that must agree, pairs that must not, and what holds for any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.tools.models.wording import _english, marks

AGREE = [
    ("How do I make a volume read-only?", "how can we make the volume read-only"),
    ("Please list all orders of 2023.", "List every order of 2023"),
    ("Show the rate of errors", "Display the error rate"),
    ("Before the upgrade, take a snapshot", "Create a snapshot before the upgrade"),
    ("Set a quota of 10GB on /projects", "Put a quota of 10 GB on /projects please"),
    ("What's the status of nginx?", "What is nginx's status?"),
    ("How many times did it fail?", "How often did it fail?"),
    ("Delete two pods", "Remove 2 pods"),
    ("wie groß ist der Cache?", "Wie  groß ist der Cache"),
    ("Was sagt „foo“?", "Was sagt „foo“ ?"),
]
DIFFER = [
    ("Move it from node1 to node2", "Move it from node2 to node1", "names"),
    ("Set it to 10 GB", "Set it to 100 GB", "amounts"),
    ("Set it to 10 GB", "Set it to 10 TB", "words"),
    ("Fill the disk to 90 %", "Fill the disk by 90 %", "words"),
    ("Which rows are not null?", "Which rows are null?", "negations"),
    ("Orders with an invoice", "Orders without an invoice", "negations"),
    ("Find 'connection reset'", "Find 'connection refused'", "quoted"),
    ("How many errors are there?", "Which errors are there?", "asks"),
    ("Is the disk full?", "Was the disk full?", "asks"),
    ("When does it fail?", "Why does it fail?", "asks"),
    ("Restart the service", "Is the service restarting?", "asks"),
    ("Can alice read bob's mail?", "Can bob read alice's mail?", "order"),
    ("Sort by price, then by name", "Sort by name, then by price", "order"),
    ("Enable the cache", "Disable the cache", "words"),
    ("Turn it on", "Turn it off", "words"),
    ("Rows where a < 5", "Rows where a > 5", "names"),
    ("Rows where status = 200", "Rows where status != 200", "names"),
    ("Access to the network", "Access from the network", "words"),
    ("my role", "your role", "words"),
    ("files of x or y", "files of x and y", "words"),
    ("Cut zone a from zone b", "Cut zone c from zone b", ""),
    ("Emails sent to bob", "Emails sent by bob", "words"),
    ("Volumes shared with alice", "Volumes shared by alice", "words"),
    ("Which clients trust the server?", "Which clients are trusted by the server?", "words"),
    ("Which services restarted?", "Which services were restarted?", "asks"),
    ("Increase it by ten percent", "Increase it to ten percent", "words"),
    ("Block traffic to port 80", "Block traffic on port 80", "words"),
    ("Delete /tmp/A", "Delete /tmp/a", "names"),
    ("Set it to 1,5", "Set it to 15", "amounts"),
    ("5 Mb", "5 MB", "words"),
    ("Must it restart?", "Should it restart?", "words"),
    ("Search the bucket", "Find the bucket", "words"),
    ("Is it up?", "Is it?", "words"),
    ("Which of these?", "Which of those?", "order"),
    ("All users cannot read", "Not all users can read", "order"),
    ("C++ tips", "C tips", "names"),
    ("Is Paris up?", "Is Berlin up?", "names"),
    ("Should it restart?", "Can it restart?", "words"),
    ("Does +1 work?", "Does -1 work?", "names"),
    ("Что сломалось вчера?", "Что сломалось сегодня?", "words"),
    ("磁盘满了", "内存满了", "words"),
]


@pytest.mark.parametrize("one, other", AGREE)
def test_other_words_for_the_same_agree(one: str, other: str) -> None:
    assert marks(one).differs(marks(other)) == ""
    assert marks(one).digest == marks(other).digest


@pytest.mark.parametrize("one, other, part", DIFFER)
def test_what_differs_in_effect_does_not_agree(one: str, other: str, part: str) -> None:
    found = marks(one).differs(marks(other))
    assert found
    assert found == part or not part
    assert marks(other).differs(marks(one)) == found
    assert marks(one).digest != marks(other).digest


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_text_has_marks_that_spacing_and_the_last_stop_do_not_change(text: str) -> None:
    said = marks(text)
    assert said.digest == marks(f"  {text}  ").digest
    assert said.differs(said) == ""


@given(
    st.lists(
        st.sampled_from(
            [
                "show",
                "the",
                "files",
                "of",
                "node1",
                "and",
                "not",
                "node2",
                "from",
                "5",
                "to",
                "10",
                "GB",
                "in",
                "zone",
                "a",
            ]
        ),
        max_size=9,
    )
)
@settings(max_examples=200, deadline=None)
def test_an_added_identifier_is_never_overlooked(words: list[str]) -> None:
    text = " ".join(words)
    assert marks(text).digest != marks(f"{text} node7").digest


def test_no_negation_unit_or_direction_is_thrown_away_as_a_filler() -> None:
    lists = _english().lists
    assert not lists["fillers"] & lists["negations"]
    assert lists["fillers"] & lists["directions"] == set()
    assert lists["fillers"] & lists["units"] == set()


def test_no_word_stands_for_two_things() -> None:
    for word, stands_for in _english().same.items():
        assert _english().same.get(stands_for, stands_for) == stands_for, word
