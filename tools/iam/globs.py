"""Wildcard patterns: `*` is any run of characters, also none, and `?` exactly one; everything else is itself.

Matching takes time linear in pattern times text whatever the pattern: atomic groups keep a run from being tried twice
(the leftmost place is always good enough for a glob).
"""

import re
from collections.abc import Callable
from functools import lru_cache

Test = Callable[[str], bool]


def is_glob(text: str) -> bool:
    """Whether the text holds a wildcard."""
    return "*" in text or "?" in text


def _segment(text: str) -> str:
    return ".".join(re.escape(part) for part in text.split("?"))


def compile_parts(parts: tuple[tuple[str, bool], ...]) -> Test:
    """A test for a pattern in parts; a part marked True is fixed text whose `*` and `?` are mere characters."""
    segments = [""]
    for text, fixed in parts:
        runs = [re.escape(text)] if fixed else [_segment(run) for run in text.split("*")]
        segments[-1] += runs[0]
        segments.extend(runs[1:])
    return _Found(re.compile(_assemble(segments), re.DOTALL).fullmatch)


def _assemble(segments: list[str]) -> str:
    """A regular expression for ready-made segments (no run of any length inside) with a `*` between each two."""
    if len(segments) == 1:
        return segments[0]
    middle = "".join(f"(?>.*?{segment})" for segment in segments[1:-1] if segment)
    return f"{segments[0]}{middle}.*{segments[-1]}"


@lru_cache(maxsize=65536)
def matcher(pattern: str) -> Test:
    """A fast test for one pattern, case-sensitive; lower-case both sides where case does not count."""
    if not is_glob(pattern):
        return pattern.__eq__
    bare = pattern.rstrip("*")
    if not bare:
        return _anything
    if not is_glob(bare):
        return _Prefix(bare)
    found = re.compile(_assemble([_segment(part) for part in re.split(r"\*+", pattern)]), re.DOTALL).fullmatch
    return _Found(found)


def _anything(text: str) -> bool:
    return True


class _Prefix:
    """`abc*`."""

    __slots__ = ("_prefix",)

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __call__(self, text: str) -> bool:
        return text.startswith(self._prefix)


class _Found:
    """Any other pattern, as a regular expression."""

    __slots__ = ("_found",)

    def __init__(self, found: Callable[[str], re.Match[str] | None]) -> None:
        self._found = found

    def __call__(self, text: str) -> bool:
        return self._found(text) is not None


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches the pattern."""
    return matcher(pattern)(text)


def includes(outer: str, inner: str) -> bool:
    """Whether every text that `inner` matches is matched by `outer` too. A yes is certain; with `?` beside `*` in
    `outer` a no may be wrong."""
    states = _closure(outer, {0})
    for mark in inner:
        states = _closure(outer, _advance(outer, states, mark))
        if not states:
            return False
    return len(outer) in states


def _advance(outer: str, states: set[int], mark: str) -> set[int]:
    """Where `outer` can stand after one mark of `inner`, whose `*` only a `*` can take."""
    after = set()
    for at in states:
        own = outer[at : at + 1]
        if own == "*":
            after.add(at)
        elif own and (own == mark or (own == "?" and mark != "*")):
            after.add(at + 1)
    return after


def _closure(outer: str, states: set[int]) -> set[int]:
    """The states and those past the stars they stand at."""
    closed = set(states)
    for at in sorted(states):
        while outer[at : at + 1] == "*":
            at += 1
            closed.add(at)
    return closed


@lru_cache(maxsize=65536)
def overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns (a walk over pairs of positions, as for two automata)."""
    if _clash(one, other) or _clash(one[::-1], other[::-1]):
        return False
    seen = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        a, b = todo.pop()
        if a == len(one) and b == len(other):
            return True
        for pair in _steps(one, a, other, b):
            if pair not in seen:
                seen.add(pair)
                todo.append(pair)
    return False


def _clash(one: str, other: str) -> bool:
    """Whether two patterns differ before either has a wildcard."""
    for mark, other_mark in zip(one, other, strict=False):
        if mark in "*?" or other_mark in "*?":
            return False
        if mark != other_mark:
            return True
    return False


def _steps(one: str, a: int, other: str, b: int) -> list[tuple[int, int]]:
    mark, other_mark = one[a : a + 1], other[b : b + 1]
    steps = []
    if mark == "*":
        steps.append((a + 1, b))
        if other_mark and other_mark != "*":
            steps.append((a, b + 1))
    if other_mark == "*":
        steps.append((a, b + 1))
        if mark and mark != "*":
            steps.append((a + 1, b))
    if mark and other_mark and "*" not in (mark, other_mark) and (mark == other_mark or "?" in (mark, other_mark)):
        steps.append((a + 1, b + 1))
    return steps
