"""What the pattern writers hand back: a way to write something, and how unlikely it is that it was meant."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guess:
    """One or more entries that may stand for the wanted texts. `kind`: the slip they mend; `cost` is in bits or so."""

    texts: tuple[str, ...]
    cost: float
    kind: str


def distance(one: str, other: str, limit: int = 4) -> int:
    """Edits between two words (insert, delete, replace, swap neighbours); anything over `limit` is `limit + 1`."""
    if one == other:
        return 0
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def alike(one: str, other: str) -> int | None:
    """How many slips lie between two words that are likely meant to be the same; None when they are not."""
    limit = 1 if max(len(one), len(other)) < 8 else 2
    found = distance(one.lower(), other.lower(), limit)
    return found if found <= limit else None


def common_ends(texts: Sequence[str]) -> str:
    """The least pattern `beginning*end` that covers all texts, cut at the ends of words; one text is itself."""
    distinct = list(dict.fromkeys(texts))
    if len(distinct) == 1:
        return distinct[0]
    begin = _shared(distinct)
    left = [text[len(begin) :] for text in distinct]
    end = _shared([text[::-1] for text in left])[::-1]
    return f"{begin}*{end}"


BY_CHANCE = 4  # letters that two words may begin alike without meaning it


def _shared(texts: Sequence[str]) -> str:
    """The common beginning; of two texts only up to the end of a word, where what goes on alike may be chance."""
    start = common_start(texts)
    cut = max((start.rfind(mark) for mark in "-_./:@"), default=-1) + 1
    return start if len(texts) >= 3 or len(start) - cut >= BY_CHANCE else start[:cut]


def common_start(texts: Sequence[str]) -> str:
    """The longest text that all begin with."""
    low, high = min(texts), max(texts)
    size = next((at for at, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return low[:size]
