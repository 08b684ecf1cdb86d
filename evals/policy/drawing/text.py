"""Random strings that match one glob, match two at once, or just miss one."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from random import Random

from opswright.evals.policy.faults.statement import REGIONS
from opswright.tools.iam import variables

WORDS = ("reports", "data", "alpha", "team-a", "prod", "x1", "2026", "backup", "Zeta", "logs")
ACCOUNTS = ("123456789012", "210987654321")
WILD = "*?"

Context = Mapping[str, tuple[str, ...]]


def word(rng: Random) -> str:
    """A plausible piece of a name."""
    return rng.choice(WORDS)


def fill(pattern: str, rng: Random) -> str:
    """A string that the glob matches, plausible where the pattern says what stands there.

    A `*` alone between the colons of an ARN becomes a region or an account, one between dots (a service's host) a
    region, any other a word, rarely nothing.
    """
    parts = pattern.split(":", 5)
    if len(parts) == 6 and parts[0] == "arn":
        own = {3: rng.choice(REGIONS), 4: rng.choice(ACCOUNTS)}
        return ":".join(own[at] if at in own and part == "*" else _fill(part, rng) for at, part in enumerate(parts))
    return _fill(pattern.replace(".*.", f".{rng.choice(REGIONS)}."), rng)


def _fill(pattern: str, rng: Random) -> str:
    filled = []
    for at, char in enumerate(pattern):
        if char == "*":
            filled.append(word(rng) if at == len(pattern) - 1 or rng.random() < 0.9 else "")
        else:
            filled.append(rng.choice("abx1") if char == "?" else char)
    return "".join(filled)


def meet(one: str, other: str, rng: Random, filler: Callable[[Random], str] = word) -> str | None:
    """A string that both globs match, drawn at random; None when there is none.

    Walks the product of the two patterns, taking only steps from which both ends stay reachable.
    """
    reaches = _reaches(one, other)
    if not reaches[0][0]:
        return None
    drawn: list[str] = []
    i = j = 0
    while i < len(one) or j < len(other):
        steps = [step for step in _steps(one, other, i, j) if reaches[step[0]][step[1]]]
        to_i, to_j, char = rng.choice(steps)
        if char == "*":  # both are stars: a word, then past one of them
            drawn.append(filler(rng) if rng.random() < 0.8 else "")
        elif char:
            drawn.append(rng.choice("abx1") if char == "?" else char)
        i, j = to_i, to_j
    return "".join(drawn)


def _steps(one: str, other: str, i: int, j: int) -> list[tuple[int, int, str]]:
    """(next i, next j, what is written); `*` stands for a word of one's own, an empty string for nothing."""
    a = one[i] if i < len(one) else ""
    b = other[j] if j < len(other) else ""
    if a == "*" and b == "*":
        return [(i + 1, j, "*"), (i, j + 1, "*")]
    if a == "*":
        return [(i + 1, j, "")] + ([(i, j + 1, b)] if b else [])
    if b == "*":
        return [(i, j + 1, "")] + ([(i + 1, j, a)] if a else [])
    if a and b and (a == b or "?" in (a, b)):
        return [(i + 1, j + 1, a if b == "?" else b)]
    return []


@lru_cache(maxsize=4096)
def _reaches(one: str, other: str) -> list[list[bool]]:
    """Whether the suffixes from (i, j) have a string in common."""
    table = [[False] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one), -1, -1):
        for j in range(len(other), -1, -1):
            done = i == len(one) and j == len(other)
            table[i][j] = done or any(table[ti][tj] for ti, tj, _ in _steps(one, other, i, j))
    return table


def near_miss(text: str, rng: Random) -> str:
    """A string one slip away: a letter changed, the end cut or extended, a digit off; an ARN stays one."""
    parts = text.split(":", 5)
    if len(parts) == 6 and parts[0] == "arn":
        if parts[4].isdigit() and rng.random() < 0.3:
            return ":".join([*parts[:4], rng.choice([one for one in ACCOUNTS if one != parts[4]]), parts[5]])
        return ":".join([*parts[:5], _one_slip(parts[5], rng)])
    return _one_slip(text, rng)


def _one_slip(text: str, rng: Random) -> str:
    ways = [text + "x", text + "/" + word(rng), text + "-" + word(rng), word(rng) + "-" + text]
    if len(text) > 1:
        at = rng.randrange(len(text))
        other = rng.choice("0123456789") if text[at].isdigit() else rng.choice("abcxyz")
        ways += [text[:-1], text[:at] + other + text[at + 1 :], text[:at] + other + text[at + 1 :]]
    return rng.choice(ways)


def needed_keys(text: str) -> tuple[str, ...]:
    """The context keys (lower case) that a string's variables read."""
    return variables.keys(text)


def instance(text: str, with_variables: bool, context: Context, rng: Random) -> str | None:
    """A pattern with its variables taken from the context, still a glob; None when one has no value.

    A wildcard inside a variable's value cannot be told from one of the pattern here, so such values are refused.
    """
    if not with_variables or "${" not in text:
        return text
    parts = variables.substitute(text, context)
    if parts is None:
        return None
    fixed = [part.text for part in parts if isinstance(part, variables.Fixed)]
    if any(char in value for value in fixed for char in WILD):
        return None
    return "".join(part.text for part in parts)
