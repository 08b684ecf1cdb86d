"""One statement as plain JSON, and the slips of the hand that several kinds of fault share."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from opswright.nouns import Json

REGIONS = ("us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2")
_REGION = re.compile(r"[a-z]{2}(-gov)?-[a-z]+-\d")
_NEIGHBOURS = {"a": "s", "e": "r", "i": "o", "o": "p", "t": "y", "s": "d", "n": "m", "r": "t", "l": "k", "c": "v"}


class Actions(Protocol):
    """What a fault must know of AWS's actions."""

    def matching(self, pattern: str) -> Sequence[str]:
        """Known actions a glob matches, in any case."""
        ...

    def spelled(self, action: str) -> str:
        """A known action as AWS writes it."""
        ...


Injector = Callable[[dict[str, Json], Random, Actions], "dict[str, Json] | None"]


@dataclass(frozen=True)
class Kind:
    """A kind of human fault. `inject` gets its own copy of a statement and returns it changed.

    It returns None where the kind does not apply, and an empty dict to drop the whole statement.
    """

    name: str
    inject: Injector


def entries(value: Json) -> list[Json]:
    """A list-valued element as a list: AWS lets a list of one be written as the bare string."""
    return list(value) if isinstance(value, list) else [value]


def put(statement: dict[str, Json], element: str, values: list[Json]) -> dict[str, Json]:
    """Writes an element back, as a list where it was one."""
    was_list = isinstance(statement[element], list)
    statement[element] = values if was_list or len(values) != 1 else values[0]
    return statement


def renamed(statement: dict[str, Json], old: str, new: str) -> dict[str, Json]:
    """The statement with one element under another name, in its old place."""
    return {(new if name == old else name): value for name, value in statement.items()}


def misspelled(word: str, rng: Random) -> str:
    """A word typed in a hurry: two letters swapped, one lost, doubled or hit beside, an `s` too many or too few."""
    letters = [i for i, c in enumerate(word) if c.isalpha()]
    inner = [i for i in letters if 0 < i < len(word) - 1]
    if not inner:
        return word + "s"
    at = rng.choice(inner)
    forms = [
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + _NEIGHBOURS.get(word[at], "x") + word[at + 1 :],
        word[:-1] if word.endswith("s") else word + "s",
    ]
    rng.shuffle(forms)
    return next((form for form in forms if form != word), word + "s")


def wrong_digit(digits: str, rng: Random) -> str:
    """A number with one digit typed wrong."""
    at = rng.randrange(len(digits))
    return digits[:at] + rng.choice([d for d in "0123456789" if d != digits[at]]) + digits[at + 1 :]


def is_region(text: str) -> bool:
    """Whether a text is spelled like an AWS region."""
    return _REGION.fullmatch(text) is not None


def other_region(text: str, rng: Random) -> str:
    """Another region than this one."""
    return rng.choice([region for region in REGIONS if region != text])


def without_one(statement: dict[str, Json], element: str | None, rng: Random) -> dict[str, Json] | None:
    """The statement with one of the element's several entries forgotten; None where there are not several."""
    if element is None or len(entries(statement[element])) < 2:
        return None
    found = entries(statement[element])
    at = rng.randrange(len(found))
    return put(statement, element, found[:at] + found[at + 1 :])
