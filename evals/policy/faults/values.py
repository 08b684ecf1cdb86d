"""Condition values as a human gets them wrong, by what the value looks like."""

import re
from random import Random

from opswright.evals.policy.faults.statement import is_region, misspelled, other_region, wrong_digit
from opswright.nouns import Json


def wrong_value(value: Json, rng: Random) -> Json:
    """Another value of the same look: a flipped boolean, a wrong digit, region, prefix length, year or letter."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 10 if rng.random() < 0.5 else value + 1
    text = str(value)
    if text.lower() in ("true", "false"):
        return "false" if text.lower() == "true" else "true"
    if is_region(text):
        return other_region(text, rng)
    for pattern, change in _LOOKS:
        found = re.search(pattern, text)
        if found:
            return text[: found.start()] + change(found.group(), rng) + text[found.end() :]
    word = re.search(r"[A-Za-z][A-Za-z_-]{2,}(?![^{]*\})", text)
    if word:
        return text[: word.start()] + misspelled(word.group(), rng) + text[word.end() :]
    return text + "1"


def _wrong_prefix(text: str, rng: Random) -> str:
    """10.0.0.0/16 written /8 or /24; a single address gets another last number."""
    address, _, length = text.partition("/")
    if length:
        return f"{address}/{rng.choice([n for n in ('8', '16', '24', '32') if n != length])}"
    head, _, last = address.rpartition(".")
    return f"{head}.{(int(last) + rng.randrange(1, 200)) % 256}"


def _wrong_year(text: str, rng: Random) -> str:
    return f"{int(text[:4]) + rng.choice((-1, 1))}{text[4:]}"


_LOOKS = (
    (r"^\d+\.\d+\.\d+\.\d+(/\d+)?$", _wrong_prefix),
    (r"^\d{4}-\d\d-\d\d", _wrong_year),
    (r"(?<!\d)\d{12}(?!\d)", wrong_digit),
    (r"^\d+$", wrong_digit),
)
