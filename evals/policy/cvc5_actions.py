"""The peer's own reading of action patterns: classes of names that no statement tells apart."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from opswright.tools.iam.document import Statement


def action_classes(
    statements: Sequence[Statement], names: Sequence[str]
) -> tuple[list[str], list[list[tuple[int, int]]]]:
    """One name for each class of actions that no statement tells apart; each statement's ranges of class numbers."""
    known = set(names)
    literals = {entry.text.lower() for s in statements for entry in s.actions if not re.search(r"[*?]", entry.text)}
    universe = sorted(known | literals)
    hit: dict[str, int] = dict.fromkeys(universe, 0)
    for at, statement in enumerate(statements):
        found = {name for entry in statement.actions for name in _matched(entry.text.lower(), universe)}
        for name in universe if statement.not_action else found:
            if (name in found) != statement.not_action:
                hit[name] |= 1 << at
    representative: dict[int, str] = {}
    for name in universe:
        representative.setdefault(hit[name], name)
    vectors = sorted(representative)
    ranges = [_runs([i for i, vector in enumerate(vectors) if vector >> at & 1]) for at in range(len(statements))]
    return [representative[vector] for vector in vectors], ranges


def _matched(pattern: str, universe: Sequence[str]) -> Iterable[str]:
    prefix = re.split(r"[*?]", pattern, maxsplit=1)[0]
    low, high = bisect_left(universe, prefix), bisect_left(universe, prefix + "\U0010ffff")
    shape = re.compile("".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in pattern), re.DOTALL)
    return (name for name in universe[low:high] if shape.fullmatch(name))


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
