"""Is there a string that matches every one of some unions of patterns and none of some others? Exact, with a witness.

A best-first search over the product of all automata, packed into one integer. What keeps it small:

- only characters that a required pattern waits for are tried, and one fresh character for all others (any other
  character could only help the forbidden patterns along);
- once a run (`*`) is reached, everything before it in the same pattern is forgotten (the rightmost run is always good
  enough); a forbidden pattern that can no longer fail ends the branch, a required one that can no longer fail is done;
- a branch ends as soon as the rest of a required pattern lies inside the rest of a forbidden one.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from opswright.tools.iam.compare.packing import Packed, Symbol
from opswright.tools.iam.compare.patterns import ANY, Pattern
from opswright.tools.iam.compare.relations import included, overlap

Union = tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """`text` is a string that fits, None when there is none or, with `complete` false, when the budget ran out.
    `hints`: what stood between the marks of a key's value."""

    text: str | None
    complete: bool = True
    steps: int = 0
    hints: tuple[tuple[str, str], ...] = ()


NOTHING = Found(None)


@lru_cache(maxsize=65536)
def find(positives: tuple[Union, ...], negatives: Union, budget: int, marked: bool = False) -> Found:
    """A shortest-first string in every union of `positives` and in no pattern of `negatives`, if there is one.

    `marked`: the first union's patterns hold marks around the stretches that stand for unknown values; the answer is
    then only good for emptiness. Without it no pattern may hold unknowns. Deterministic: the budget counts steps.
    """
    kept = _simplify(positives, negatives, marked)
    if kept is None:
        return NOTHING
    return _search(Packed(*kept, marked=marked), budget)


def _simplify(positives: tuple[Union, ...], negatives: Union, marked: bool) -> tuple[list[Union], Union] | None:
    """Drops alternatives and patterns that cannot matter; None when nothing is left to find."""
    spine, rest = (positives[:1], positives[1:]) if marked else ((), positives)
    forbidden = set(negatives)
    unions: list[Union] = []
    for union in rest:
        alternatives = tuple(p for p in union if p not in forbidden)
        if any(p.universal for p in alternatives):
            continue
        alternatives = tuple(p for p in alternatives if not any(included(p, n) for n in negatives))
        if not alternatives:
            return None
        unions.append(alternatives)
    unions = _meet(unions)
    if any(not union for union in unions):
        return None
    if any(n.universal for n in negatives):
        return None
    return [*spine, *unions], _relevant(negatives, unions)


def _meet(unions: list[Union]) -> list[Union]:
    """Keeps of each union what overlaps every other one, and drops unions that another implies."""
    distinct = list(dict.fromkeys(unions))
    for at, union in enumerate(distinct):
        others = distinct[:at] + distinct[at + 1 :]
        distinct[at] = tuple(p for p in union if all(any(overlap(p, q) for q in other) for other in others))
    if len(distinct) < 2:
        return distinct
    kept = list(distinct)
    for union in distinct:
        others = [other for other in kept if other is not union]
        if any(all(any(included(p, q) for q in union) for p in other) for other in others):
            kept = others
    return kept


def _relevant(negatives: Union, unions: Sequence[Union]) -> Union:
    kept = (n for n in dict.fromkeys(negatives) if all(any(overlap(p, n) for p in union) for union in unions))
    return _widest(list(kept))


def _widest(patterns: list[Pattern]) -> Union:
    """Without the patterns that another one includes."""
    if len(patterns) > 60:
        return tuple(patterns)
    kept = list(patterns)
    for one in patterns:
        if any(other is not one and included(one, other) for other in kept):
            kept.remove(one)
    return tuple(kept)


def _search(packed: Packed, budget: int) -> Found:
    start = packed.settle(packed.start, 0)
    parents: list[tuple[int, Symbol]] = [(-1, "")]
    queue: list[tuple[int, int, int, int]] = [(0, 0, 0, start)]
    seen: set[int] = set()
    steps = 0
    while queue:
        _, at, length, state = heapq.heappop(queue)
        for symbol in packed.symbols(state):
            steps += 1
            reached = packed.read(state, symbol)
            if reached < 0 or reached in seen:
                continue
            seen.add(reached)
            parents.append((at, symbol))
            if packed.accepts(reached):
                return _found(parents, steps)
            if len(seen) > 64 and packed.hopeless(reached):
                continue
            weight = length + 1 + packed.distance(reached)
            heapq.heappush(queue, (weight, len(parents) - 1, length + 1, reached))
        if steps > budget:
            return Found(None, complete=False, steps=steps)
    return Found(None, steps=steps)


def _found(parents: list[tuple[int, Symbol]], steps: int) -> Found:
    path: list[Symbol] = []
    at = len(parents) - 1
    while at > 0:
        at, symbol = parents[at]
        path.append(symbol)
    text = ""
    opened = 0
    hints: list[tuple[str, str]] = []
    for symbol in reversed(path):
        if isinstance(symbol, str):
            text += symbol
        elif symbol.opens:
            opened = len(text)
        else:
            hints.append((symbol.unknown.key, text[opened:]))
    return Found(text, steps=steps, hints=tuple(hints))


def accepts(pattern: Pattern, text: str) -> bool:
    """Whether a pattern without unknowns matches the whole text."""
    skips = pattern.skips
    state = 1 | (1 & skips) << 1
    for char in text:
        moves, stays = pattern.step(char)
        state = (state & moves) << 1 | (state & stays)
        state |= (state & skips) << 1
        if not state:
            return False
    return bool(state >> pattern.size & 1)


def fits(text: str, positives: Iterable[Union], negatives: Union) -> bool:
    """Whether the text matches every union and no negative."""
    if any(accepts(n, text) for n in negatives):
        return False
    return all(any(accepts(p, text) for p in union) for union in positives)


def everything(union: Union) -> bool:
    """Whether the union plainly matches every string."""
    return any(p.tokens == (ANY,) for p in union)
