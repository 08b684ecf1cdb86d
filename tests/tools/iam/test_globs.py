"""Wildcard patterns against a plain definition, their relations against enumeration, and their running time."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from opswright.tools.iam import globs

PATTERNS = st.text(alphabet="ab*?", max_size=6)
TEXTS = ["".join(letters) for length in range(6) for letters in itertools.product("abc", repeat=length)]


def by_definition(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(by_definition(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and by_definition(pattern[1:], text[1:])


@given(PATTERNS, st.text(alphabet="abc", max_size=8))
def test_matching(pattern: str, text: str) -> None:
    assert globs.matches(pattern, text) == by_definition(pattern, text)


@given(st.text(max_size=5), st.text(max_size=5))
def test_everything_else_is_itself(pattern: str, text: str) -> None:
    assert globs.matches(pattern, text) == by_definition(pattern, text)
    if not globs.is_glob(pattern):
        assert globs.matches(pattern, pattern)


@given(PATTERNS, PATTERNS)
def test_overlap(one: str, other: str) -> None:
    shared = [text for text in TEXTS if globs.matches(one, text) and globs.matches(other, text)]
    if shared:
        assert globs.overlap(one, other)
    elif len(one.replace("*", "")) + len(other.replace("*", "")) < 6:
        assert not globs.overlap(one, other)
    assert globs.overlap(one, other) == globs.overlap(other, one)


@given(PATTERNS, PATTERNS)
def test_inclusion(outer: str, inner: str) -> None:
    counterexamples = [text for text in TEXTS if globs.matches(inner, text) and not globs.matches(outer, text)]
    if globs.includes(outer, inner):
        assert not counterexamples
    elif "?" not in outer and len(outer) + len(inner) < 6:
        assert counterexamples


@given(st.lists(st.tuples(st.text(alphabet="ab*?", max_size=3), st.booleans()), min_size=1, max_size=4))
def test_fixed_parts_are_mere_characters(parts: list[tuple[str, bool]]) -> None:
    test = globs.compile_parts(tuple(parts))
    assert test("".join(text if fixed else text.replace("*", "").replace("?", "a") for text, fixed in parts))
    if all(fixed for _, fixed in parts):
        whole = "".join(text for text, _ in parts)
        assert test(whole) and not test(whole + "a") and not test("b" + whole)


def test_hostile_patterns_end() -> None:
    pattern = "*a" * 200 + "*b"
    assert not globs.matches(pattern, "a" * 20_000)
    assert not globs.matches("?*" * 200 + "b", "a" * 20_000)
    assert globs.overlap("*a" * 40, "a*" * 40)
