"""Patterns, their relations and the search for strings, against plain enumeration."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.tools.iam import arns, globs
from opswright.tools.iam.compare import patterns, sets, strings
from opswright.tools.iam.compare.patterns import Mark, Pattern, Unknown
from opswright.tools.iam.compare.relations import included, overlap
from opswright.tools.iam.document import PrincipalEntry
from opswright.tools.iam.principals import names
from opswright.tools.iam.variables import Literal

LETTERS = "abz:"
WORDS = ["".join(word) for size in range(6) for word in product(LETTERS, repeat=size)]
TEXTS = st.lists(st.sampled_from("ab**?:"), max_size=6).map("".join)


def _pattern(text: str, kind: str) -> Pattern:
    excluded = ":" if kind == "component" else ""
    return patterns.pattern(patterns.text_tokens(text, wild=True, folded=kind == "fold", excluded=excluded))


PATTERNS = st.builds(_pattern, TEXTS, st.sampled_from(["plain", "plain", "fold", "component"]))


@given(TEXTS)
def test_a_glob_accepts_what_the_evaluator_accepts(text: str) -> None:
    one, test = patterns.glob(text), globs.matcher(text)
    assert all(strings.accepts(one, word) == test(word) for word in WORDS[:400])


@given(st.lists(st.sampled_from(["a", "*", "?", ":", ":", ":"]), max_size=12).map("".join))
def test_an_arn_pattern_accepts_what_the_evaluator_accepts(text: str) -> None:
    one = patterns.arn((Literal(text),), loose=False)
    for word in ("a:a:a:a:a:a", ":::::", "::a:::a:a", "a:::aa:::", "a", "::::", "a:b:c:d:e:f:g"):
        assert arns.like(text, word) == (one is not None and strings.accepts(one, word))


@given(PATTERNS, PATTERNS)
@settings(max_examples=300)
def test_relations_say_nothing_false(one: Pattern, other: Pattern) -> None:
    matching = [word for word in WORDS if strings.accepts(one, word)]
    if included(one, other):
        assert all(strings.accepts(other, word) for word in matching)
    if any(strings.accepts(other, word) for word in matching):
        assert overlap(one, other)


@given(TEXTS, TEXTS)
@settings(max_examples=300)
def test_overlap_is_exact(one: str, other: str) -> None:
    assert overlap(patterns.glob(one), patterns.glob(other)) == globs.overlap(one, other)


UNIONS = st.lists(st.lists(PATTERNS, min_size=1, max_size=2).map(tuple), max_size=3).map(tuple)


@given(UNIONS, st.lists(PATTERNS, max_size=4).map(tuple))
@settings(max_examples=400)
def test_a_search_finds_a_string_exactly_when_there_is_one(
    positives: tuple[tuple[Pattern, ...], ...], negatives: tuple[Pattern, ...]
) -> None:
    found = strings.find(positives, negatives, 100_000)
    assert found.complete
    if found.text is not None:
        assert found.text
        assert strings.fits(found.text, positives, negatives)
    else:
        assert not any(strings.fits(word, positives, negatives) for word in WORDS[1:])


ENTRIES = (
    PrincipalEntry("AWS", "111111111111"),
    PrincipalEntry("AWS", "arn:aws:iam::111111111111:root"),
    PrincipalEntry("AWS", "arn:aws:iam::111111111111:role/path/r"),
    PrincipalEntry("AWS", "arn:aws:iam::111111111111:user/u"),
    PrincipalEntry("AWS", "*"),
    PrincipalEntry("*", "*"),
    PrincipalEntry("Service", "ec2.amazonaws.com"),
    PrincipalEntry("Federated", "111111111111"),
)


@pytest.mark.parametrize("entry", ENTRIES)
def test_principals_match_as_for_the_evaluator(entry: PrincipalEntry) -> None:
    prefixes = ("", "arn:aws:iam::", "arn:aws-cn:sts::", "arn:aws:sts::", "arn:xx:iam::", "arn:aws2:iam::")
    accounts = ("111111111111", "222222222222", "11111111111")
    endings = (
        "",
        ":root",
        ":user/u",
        ":role/path/r",
        ":role/r",
        ":assumed-role/r/s",
        ":federated-user/",
        ":x",
        ":mfa/a",
    )
    texts = ["".join(parts) for parts in product(prefixes, accounts, endings)] + ["ec2.amazonaws.com", "*", "zz"]
    union = sets.names((entry,)).union({}, True)
    for text in texts:
        assert any(strings.accepts(one, text) for one in union) == names(entry, text), text


def test_characters_equal_without_case() -> None:
    assert set(patterns.fold("k")) == {"k", "K", "\u212a"}
    assert set(patterns.fold("1")) == {"1"}
    assert set(patterns.fold("é")) == {"é", "É"}


def test_all_letters_taken() -> None:
    """A character that no pattern names is found also when the patterns name all the usual ones."""
    usual = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~@éÿłжя中"
    found = strings.find((), tuple(patterns.glob(f"{char}*") for char in usual), 10_000)
    assert found.text is not None
    assert found.text[0] not in usual


def test_an_unknown_value_is_followed_through_its_marks() -> None:
    unknown = Unknown("k")
    spine = patterns.pattern((*"x/", Mark(unknown, True), *"team-", patterns.ANY, Mark(unknown, False), "/"))
    whole = patterns.pattern((*"x/", unknown, "/"))
    assert strings.find(((spine,),), (whole,), 1000, True).text is None
    assert strings.find(((spine,),), (patterns.glob("x/team-*/"),), 1000, True).text is None
    assert strings.find(((spine,),), (patterns.glob("x/team-?*/"),), 1000, True).text == "x/team-/"


def test_a_budget_ends_a_search() -> None:
    wanted = tuple((patterns.glob(f"*{a}{b}*{b}{a}*"),) for a, b in product("abcdef", repeat=2))
    found = strings.find(wanted, (patterns.glob("*zz*"), patterns.glob("*?aa?*")), 500)
    assert found.text is None
    assert not found.complete
    assert found.steps > 500
