"""How two patterns relate: cheap, polynomial answers that spare most searches.

Inclusion runs one automaton over the other's tokens, a wildcard being a symbol that only a wildcard can take. That is
exact between patterns of literals and `*`; with `?` it may miss an inclusion, never claim a false one.
"""

from functools import lru_cache

from opswright.tools.iam.compare.patterns import Many, Mark, One, Pattern, Token, Unknown


@lru_cache(maxsize=262144)
def included(part: Pattern, whole: Pattern) -> bool:
    """Whether every string of `part` is one of `whole`, whatever the unknown values are. May miss, never lies."""
    if whole.universal or part is whole:
        return True
    if not part.prefix.startswith(whole.prefix) or not part.suffix.endswith(whole.suffix):
        return False
    return included_from(part.tokens, whole, 1)


def included_from(tokens: tuple[Token, ...], whole: Pattern, state: int) -> bool:
    """As `included`, for a rest of a pattern and a state of the other's automaton."""
    skips = whole.skips
    state |= (state & skips) << 1
    for token in tokens:
        moves, stays = _taken(token, whole)
        state = (state & moves) << 1 | (state & stays)
        # An unknown takes two positions, so a move over one goes on by another.
        for at, unknown in whole.unknowns:
            if state >> (at + 1) & 1 and isinstance(token, Unknown) and unknown.key == token.key:
                state = state & ~(1 << (at + 1)) | 1 << (at + 2)
        state |= (state & skips) << 1
        if not state:
            return False
    return bool(state >> whole.size & 1)


def _taken(token: Token, whole: Pattern) -> tuple[int, int]:
    """The positions that every reading of the token moves on, and those that it keeps."""
    if isinstance(token, str):
        moves, stays = whole.step(token[0])
        for char in token[1:]:
            more_moves, more_stays = whole.step(char)
            moves, stays = moves & more_moves, stays & more_stays
        return moves, stays
    moves = stays = 0
    if isinstance(token, One):
        for at, one in whole.ones:
            if set(one.excluded) <= set(token.excluded):
                moves |= 1 << at
    if isinstance(token, Unknown):
        for at, unknown in whole.unknowns:
            if unknown.key == token.key and (unknown.fold or not token.fold):
                moves |= 1 << at
    for at, run in whole.runs:
        if _swallows(run, token):
            stays |= 1 << at
    return moves, stays


def _swallows(run: Many, token: Token) -> bool:
    """Whether the run takes whatever the token may stand for."""
    if isinstance(token, Many) and token.allowed:
        return all(run.takes(char) for char in token.allowed)
    if isinstance(token, Unknown | Mark):
        return not run.excluded and not run.allowed
    if isinstance(token, One | Many):
        return not run.allowed and set(run.excluded) <= set(token.excluded)
    return False


@lru_cache(maxsize=262144)
def overlap(one: Pattern, other: Pattern) -> bool:
    """Whether some string matches both, with unknown values taken as anything. Exact without unknowns."""
    if one.universal or other.universal:
        return True
    if one.literal is not None and other.literal is not None:
        return one.literal == other.literal
    if not (one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)):
        return False
    if not (one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)):
        return False
    skips = other.skips
    inside = 0
    for at, _ in other.unknowns:
        skips |= 3 << at
        inside |= 2 << at
    state = _close(1, skips)
    for token in one.tokens:
        state = _read(token, other, state, skips, inside)
        if not state:
            return False
    return bool(state >> other.size & 1)


def _close(state: int, skips: int) -> int:
    while True:
        closed = state | (state & skips) << 1
        if closed == state:
            return state
        state = closed


def _read(token: Token, other: Pattern, state: int, skips: int, inside: int) -> int:
    """The positions reachable by some reading of the token."""
    if isinstance(token, str):
        reached = state & inside
        for char in token:
            moves, stays = other.step(char)
            reached |= (state & moves) << 1 | (state & stays)
        return _close(reached, skips)
    if isinstance(token, One):
        moves, stays = _some_char(other, token.excluded, "")
        return _close((state & moves) << 1 | (state & (stays | inside)), skips)
    if isinstance(token, Many) and (token.excluded or token.allowed):
        moves, stays = _some_char(other, token.excluded, token.allowed)
        while True:
            reached = state | _close((state & moves) << 1, skips)
            if reached == state:
                return state
            state = reached
    return -(state & -state) & ((2 << other.size) - 1)  # anything at all: every position from the first one on


def _some_char(other: Pattern, excluded: str, allowed: str) -> tuple[int, int]:
    """The positions that some character of the class moves on, and those that some keeps."""
    moves = stays = 0
    for char, at_char in other.literals.items():
        if char in allowed if allowed else char not in excluded:
            moves |= at_char
    for at, one in other.ones:
        if not allowed or any(char not in one.excluded for char in allowed):
            moves |= 1 << at
    for at, run in other.runs:
        if not allowed or any(run.takes(char) for char in allowed):
            stays |= 1 << at
    return moves, stays
