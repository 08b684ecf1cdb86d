"""The actions there are, as the bits of integers: all of AWS's, and the unknown ones that policies name literally."""

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache

from opswright.tools.iam import globs
from opswright.tools.iam.actions import ActionDatabase
from opswright.tools.iam.document import Policy, Statement
from opswright.tools.iam.spec import Pattern

Mask = int
_LAST = "\U0010ffff"


@lru_cache(maxsize=16384)
def _known(texts: tuple[str, ...], database: ActionDatabase) -> tuple[Mask, tuple[str, ...]]:
    """The known actions that the patterns match, and the literals among them that are not known (lower case)."""
    mask = 0
    unknown = []
    for text in dict.fromkeys(text.lower() for text in texts):
        found = _matching(text, database)
        if not found and not globs.is_glob(text):
            unknown.append(text)
        mask |= found
    return mask, tuple(unknown)


@lru_cache(maxsize=16384)
def _matching(text: str, database: ActionDatabase) -> Mask:
    names = database.names
    if text.endswith("*") and not globs.is_glob(text[:-1]):
        low, high = bisect_left(names, text[:-1]), bisect_left(names, text[:-1] + _LAST)
        return (1 << high) - (1 << low)
    mask = 0
    for name in database.matching(text):
        mask |= 1 << bisect_left(names, name)
    return mask


class Universe:
    """All actions of one question. Bit i is the i-th known action; unknown ones follow."""

    def __init__(self, database: ActionDatabase, policies: Iterable[Policy], within: Iterable[Pattern]) -> None:
        self._database = database
        self._size = len(database.names)
        texts = [tuple(e.text for e in s.actions) for policy in policies for s in policy.statements]
        texts.extend(pattern.actions for pattern in within)
        self.unknown = tuple(sorted({name for group in texts for name in _known(group, database)[1]}))
        self.known = (1 << self._size) - 1
        self.all = (1 << (self._size + len(self.unknown))) - 1

    def statement(self, statement: Statement) -> Mask:
        """The actions a statement is about."""
        mask = self._texts(tuple(entry.text for entry in statement.actions))
        return self.all & ~mask if statement.not_action else mask

    def pattern(self, pattern: Pattern) -> Mask:
        """The actions of a pattern of requests."""
        return self._texts(pattern.actions)

    def _texts(self, texts: tuple[str, ...]) -> Mask:
        mask = _known(texts, self._database)[0]
        if self.unknown:
            lower = [text.lower() for text in texts]
            for at, name in enumerate(self.unknown, self._size):
                if any(globs.matches(text, name) for text in lower):
                    mask |= 1 << at
        return mask

    def services(self, prefixes: Iterable[str]) -> Mask:
        """The known actions of some services."""
        mask = 0
        for prefix in prefixes:
            mask |= _matching(f"{prefix}:*", self._database)
        return mask

    def names(self, mask: Mask, limit: int) -> list[str]:
        """Up to `limit` actions of a mask in order, known ones first."""
        found: list[str] = []
        while mask and len(found) < limit:
            low = mask & -mask
            found.append(self.name(low.bit_length() - 1))
            mask ^= low
        return found

    def name(self, at: int) -> str:
        """The action of a bit, as AWS spells it."""
        if at >= self._size:
            return self.unknown[at - self._size]
        return self._database.spelled(self._database.names[at])


def split(mask: Mask, parts: Iterable[tuple[object, Mask]]) -> list[tuple[Mask, frozenset[object]]]:
    """The mask cut into classes by which of the parts cover them, the classes with fewest parts first."""
    classes: list[tuple[Mask, frozenset[object]]] = [(mask, frozenset())]
    for label, part in parts:
        cut: list[tuple[Mask, frozenset[object]]] = []
        for own, labels in classes:
            inside = own & part
            outside = own & ~part
            if inside:
                cut.append((inside, labels | {label}))
            if outside:
                cut.append((outside, labels))
        classes = cut
    return sorted(classes, key=lambda one: (len(one[1]), one[0] & -one[0]))
