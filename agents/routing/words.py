"""Text as tokens with their places.

Words lose their accents, forms (file names, options, ARNs) stay whole, Chinese and Japanese are cut by the vocabulary.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

# Kana and Chinese characters stand without spaces between words.
_UNSPACED = "\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(f"[{_UNSPACED}]+|[^\\W_{_UNSPACED}]+")
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]")
LONGEST = 12  # of an unspaced word, in characters; and what of an endless word is looked at is 40


@dataclass(frozen=True, slots=True)
class Token:
    """One word or form. `start`, `end`: offsets in the text; `form`: its kind where it is not a plain word."""

    text: str
    start: int
    end: int
    form: str = ""


@dataclass(frozen=True)
class Form:
    """A kind of token that a regular expression finds; group 1, where it has one, is the token."""

    name: str
    pattern: re.Pattern[str]


def normal(word: str) -> str:
    """A word in lower case and without accents (Latin, Greek and Cyrillic; other scripts as they are)."""
    return word.casefold().translate(_plain())


@cache
def _plain() -> dict[int, str]:
    """Letters with marks to letters without."""
    found = {ord("\u0142"): "l", ord("\u00f8"): "o", ord("\u0131"): "i", ord("\u0111"): "d", ord("\u00e6"): "ae"}
    for first, last in ((0xC0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x1E00, 0x1FFF)):
        for code in range(first, last + 1):
            base = unicodedata.normalize("NFD", chr(code))
            if len(base) > 1:
                found[code] = "".join(one for one in base if not unicodedata.combining(one))
    found[0x307] = ""  # what is left of a capital dotted I
    return found


def tokens_of(text: str, forms: Sequence[Form] = (), unspaced: Collection[str] = ()) -> list[Token]:
    """The tokens of a text in order; what lies in a form is no word any more."""
    spans = _forms(text, forms)
    found: list[Token] = []
    at = 0
    for start, end, name in [*spans, (len(text), len(text), "")]:
        for match in _WORD.finditer(text, at, start):
            found += _words(match, unspaced)
        if name:
            found.append(Token(text[start:end], start, end, name))
        at = end
    return found


def _forms(text: str, forms: Sequence[Form]) -> list[tuple[int, int, str]]:
    """Where forms stand, none inside another: the first, of those the longest."""
    places = [
        (*match.span(1 if form.pattern.groups else 0), form.name)
        for form in forms
        for match in form.pattern.finditer(text)
    ]
    kept: list[tuple[int, int, str]] = []
    for start, end, name in sorted(places, key=lambda place: (place[0], -place[1])):
        if end > start and (not kept or start >= kept[-1][1]):
            kept.append((start, end, name))
    return kept


def _words(match: re.Match[str], unspaced: Collection[str]) -> list[Token]:
    start, word = match.start(), match.group()
    if not _UNSPACED_WORD.match(word):
        return [Token(normal(word[:40]), start, match.end())]
    found: list[Token] = []
    at = 0
    while at < len(word):
        size = next((size for size in range(LONGEST, 1, -1) if word[at : at + size] in unspaced), 1)
        size = min(size, len(word) - at)
        found.append(Token(word[at : at + size], start + at, start + at + size))
        at += size
    return found


def unspaced_words(patterns: Mapping[str, object]) -> frozenset[str]:
    """Those of the patterns that are cut out of unspaced text."""
    return frozenset(
        word.group()
        for pattern in patterns
        for word in _WORD.finditer(pattern)
        if _UNSPACED_WORD.match(word.group()) and len(word.group()) > 1
    )


def elements(pattern: str) -> tuple[str, ...]:
    """The tokens of a vocabulary entry with their stars: `kill* pod`, `*speicher*`, `halt * aus`."""
    found: list[str] = []
    for part in pattern.split():
        if part == "*":
            found.append(part)
            continue
        words = [match.group() for match in _WORD.finditer(part)]
        if not words:
            continue
        words = [word if _UNSPACED_WORD.match(word) else normal(word) for word in words]
        words[0] = "*" + words[0] if part.startswith("*") else words[0]
        words[-1] = words[-1] + "*" if part.endswith("*") else words[-1]
        found += words
    return tuple(found)
