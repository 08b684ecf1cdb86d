"""String patterns as sequences of tokens, ready for bit-parallel simulation.

Every string test of the policy language becomes one of these: globs, literals with or without case, ARN patterns whose
wildcards stay inside a component, principals. A pattern is an automaton whose state is a set of token positions kept
as the bits of an integer (Baeza-Yates and Gonnet, "A new approach to text searching", CACM 1992).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from opswright.tools.iam.variables import Literal, Piece, Variable

COMPONENTS = 6  # of an ARN


@dataclass(frozen=True, slots=True)
class One:
    """`?`: any one character but the excluded ones."""

    excluded: str = ""


@dataclass(frozen=True, slots=True)
class Many:
    """`*`: any run of characters but the excluded ones; with `allowed`, only of those."""

    excluded: str = ""
    allowed: str = ""

    def takes(self, char: str) -> bool:
        """Whether the run may hold the character."""
        return char in self.allowed if self.allowed else char not in self.excluded


@dataclass(frozen=True, slots=True)
class Unknown:
    """The value of a context key. `fold`: compared without case, so that only its letters are known, not their case."""

    key: str
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """In the text under search: where a stretch that stands for a key's value begins or ends."""

    unknown: Unknown
    opens: bool


# A string is a literal: each of its characters is one alternative for the same place.
Token = str | One | Many | Unknown | Mark
ANY = Many()

# Characters beyond their own upper and lower case that str.lower sends to a letter.
_FOLDS = {"k": "\u212a", "å": "\u212b", "ω": "\u2126", "ß": "\u1e9e", "θ": "\u03f4"}


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """One pattern, interned: equal tokens give the same object, so relations can be cached by identity.

    `size` counts automaton positions; the final one is bit `size`. `literals` maps a character to the positions it
    advances, `ones` and `runs` list the positions of wildcards. `prefix` and `suffix` are what every matching string
    begins and ends with (empty where case does not count).
    """

    tokens: tuple[Token, ...]
    positions: tuple[int, ...]
    size: int
    literals: dict[str, int]
    ones: tuple[tuple[int, One], ...]
    runs: tuple[tuple[int, Many], ...]
    unknowns: tuple[tuple[int, Unknown], ...]
    marks: tuple[tuple[int, Mark], ...]
    prefix: str
    suffix: str
    literal: str | None
    steps: dict[str, tuple[int, int]]

    @property
    def universal(self) -> bool:
        return self.tokens == (ANY,)

    def step(self, char: str) -> tuple[int, int]:
        """The positions that a character moves one on, and those that it keeps (unknown values stand still)."""
        known = self.steps.get(char)
        if known is None:
            moves = self.literals.get(char, 0)
            for at, one in self.ones:
                if char not in one.excluded:
                    moves |= 1 << at
            stays = 0
            for at, run in self.runs:
                if run.takes(char):
                    stays |= 1 << at
            known = self.steps[char] = moves, stays
        return known

    @property
    def skips(self) -> int:
        """The positions that may be passed without reading anything."""
        found = 0
        for at, _ in self.runs:
            found |= 1 << at
        return found

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(unknown.key for _, unknown in self.unknowns)

    def __repr__(self) -> str:
        return f"Pattern({show(self.tokens)!r})"


def show(tokens: Iterable[Token]) -> str:
    """The tokens as a person would write them."""
    words = {One: "?", Many: "*"}
    shown = []
    for token in tokens:
        if isinstance(token, str):
            shown.append(token[0])
        elif isinstance(token, Unknown):
            shown.append(f"${{{token.key}}}")
        else:
            shown.append(words.get(type(token), ""))
    return "".join(shown)


@lru_cache(maxsize=65536)
def pattern(tokens: tuple[Token, ...]) -> Pattern:
    """The automaton of a sequence of tokens."""
    tokens = _collapse(tokens)
    literals: dict[str, int] = {}
    ones: list[tuple[int, One]] = []
    runs: list[tuple[int, Many]] = []
    unknowns: list[tuple[int, Unknown]] = []
    marks: list[tuple[int, Mark]] = []
    positions = []
    at = 0
    for token in tokens:
        positions.append(at)
        if isinstance(token, str):
            for char in token:
                literals[char] = literals.get(char, 0) | 1 << at
        elif isinstance(token, One):
            ones.append((at, token))
        elif isinstance(token, Many):
            runs.append((at, token))
        elif isinstance(token, Mark):
            marks.append((at, token))
        else:
            unknowns.append((at, token))
            at += 1  # a second position: inside the value
        at += 1
    whole = "".join(token for token in tokens if isinstance(token, str) and len(token) == 1)
    return Pattern(
        tokens=tokens,
        positions=(*positions, at),
        size=at,
        literals=literals,
        ones=tuple(ones),
        runs=tuple(runs),
        unknowns=tuple(unknowns),
        marks=tuple(marks),
        prefix=_fixed(tokens),
        suffix=_fixed(tokens[::-1])[::-1],
        literal=whole if len(whole) == len(tokens) else None,
        steps={},
    )


def _collapse(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Without neighbouring runs where one swallows the other, and with `*?` written `?*`: the same language."""
    found: list[Token] = []
    for token in tokens:
        before = found[-1] if found else None
        if isinstance(token, Many) and isinstance(before, Many) and ANY in (token, before):
            found[-1] = ANY
        elif isinstance(token, Many) and token == before:
            continue
        elif isinstance(token, One) and before == Many(token.excluded):
            found[-1:] = [token, before]
        else:
            found.append(token)
    return tuple(found)


def _fixed(tokens: tuple[Token, ...]) -> str:
    fixed = []
    for token in tokens:
        if not isinstance(token, str) or len(token) > 1:
            break
        fixed.append(token)
    return "".join(fixed)


def fold(char: str) -> str:
    """Every character that equals this one without case."""
    lower = char.lower()
    alternatives = {char, lower, char.upper(), *_FOLDS.get(lower, "")}
    return "".join(sorted((c for c in alternatives if c.lower() == lower), key=lambda c: (c != char, c)))


def text_tokens(text: str, *, wild: bool, folded: bool = False, excluded: str = "") -> tuple[Token, ...]:
    """A literal text as tokens; `wild`: `*` and `?` in it are wildcards that never match the excluded characters."""
    found: list[Token] = []
    for char in text:
        if wild and char == "*":
            found.append(Many(excluded))
        elif wild and char == "?":
            found.append(One(excluded))
        else:
            found.append(fold(char) if folded else char)
    return tuple(found)


@lru_cache(maxsize=65536)
def glob(text: str) -> Pattern:
    """A glob over the whole string."""
    return pattern(text_tokens(text, wild=True))


@lru_cache(maxsize=65536)
def exactly(text: str) -> Pattern:
    """One string."""
    return pattern(text_tokens(text, wild=False))


@lru_cache(maxsize=65536)
def from_pieces(parts: tuple[Piece, ...], wild: bool, folded: bool) -> Pattern:
    """A text with variables that stand for unknown values."""
    found: list[Token] = []
    for part in parts:
        if isinstance(part, Variable):
            found.append(Unknown(part.key, folded))
        else:
            found.extend(text_tokens(part.text, wild=wild and isinstance(part, Literal), folded=folded))
    return pattern(tuple(found))


@lru_cache(maxsize=65536)
def arn(parts: tuple[Piece, ...], loose: bool) -> Pattern | None:
    """An ARN pattern, matched component by component; None for what has fewer than six components.

    A variable's value may hold colons and so move the components after it. `loose` then gives a pattern that matches
    at least what the real one does for any value, otherwise one that matches at most that.
    """
    found: list[Token] = []
    component = 1
    moved = False
    for part in parts:
        if isinstance(part, Variable):
            found.append(Unknown(part.key))
            moved = moved or component < COMPONENTS
            continue
        for count, text in enumerate(part.text.split(":", COMPONENTS - component)):
            if count:
                component += 1
                found.append(":")
            bound = component < COMPONENTS and not (moved and loose)
            found.extend(text_tokens(text, wild=isinstance(part, Literal), excluded=":" if bound else ""))
    return pattern(tuple(found)) if component == COMPONENTS or (moved and loose) else None
