"""The word list that lets users' words meet the manuals' words: which concepts a text speaks of.

The list is data (`concepts.txt`), general to operations work; `tests/knowledge/embedding` holds its form.
"""

import functools
import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from importlib import resources

_RUN = re.compile(r"[a-z0-9]+")
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ers", "ed", "er", "es", "ly", "s", "e", "y")
SHORTEST_STEM = 3


def stems(text: str) -> list[str]:
    """The words of a text in lower case, without their endings; `io-cache` is `io`, `cach`."""
    return [stem(word) for word in _RUN.findall(text.lower())]


def stem(word: str) -> str:
    """The word without a common English ending, where enough is left of it; what has a digit in it stays whole."""
    if word.isalpha():
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
                return word[: -len(ending)]
    return word


def concepts(words: Sequence[str]) -> list[int]:
    """The numbers of the concepts that stems stand for, one or two at a time, with repetitions."""
    by_words = _word_list()[0]
    phrases = (f"{first} {second}" for first, second in itertools.pairwise(words))
    return [number for one in (*words, *phrases) for number in by_words.get(one, ())]


def concept_count() -> int:
    """How many concepts there are; they are numbered from 0."""
    return _word_list()[1]


def list_digest() -> str:
    """Changes with the list: vectors made with different lists cannot be compared."""
    return hashlib.sha256(_text().encode()).hexdigest()[:8]


@functools.cache
def _word_list() -> tuple[Mapping[str, tuple[int, ...]], int]:
    by_words: dict[str, dict[int, None]] = {}
    lines = [line.split() for line in _text().splitlines() if line.strip() and not line.startswith("#")]
    for number, line in enumerate(lines):
        for entry in line:
            key = " ".join(stem(word) for word in entry.split("_"))
            by_words.setdefault(key, {})[number] = None
    return {key: tuple(numbers) for key, numbers in by_words.items()}, len(lines)


@functools.cache
def _text() -> str:
    return resources.files(__package__).joinpath("concepts.txt").read_text(encoding="utf-8")
