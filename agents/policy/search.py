"""Best-first search over edits: which few slips, put right, explain every request.

The order is by cost so far plus what is still wrong. Each step takes one wrong request (the focus) and tries the edits
that mend it, so that a set of slips is found in one order only.
"""

import heapq
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

from opswright.agents.policy.action_patterns import split
from opswright.agents.policy.draft import Draft, Edit, View
from opswright.agents.policy.evidence import Row
from opswright.agents.policy.operators import OPERATORS
from opswright.agents.policy.operators.effects import new_statements
from opswright.agents.policy.setting import Setting
from opswright.tools.iam import globs

PER_WRONG = 1.5  # cost that one doubling of the wrong requests stands for
FAVOUR = 0.2  # what an organisation's established name is worth against an otherwise equal edit
# Done twice in a statement they lead back.
ONCE = frozenset({"element-inverted", "effect-flipped", "condition-negated", "condition-ifexists"})
NAMED = 0.3
UNFINISHED = 0.7  # an edit that only brings the focus nearer


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a search goes. `patience`: expansions after the first solution; `margin`: solutions this much dearer than
    the best are still of interest."""

    expansions: int = 400
    patience: int = 60
    width: int = 40
    solutions: int = 12
    margin: float = 2.0
    edits: int = 7


Price = Callable[[Draft, Edit], float | None]
Mark = tuple[str, int | None, str]


def search(start: Draft, setting: Setting, limits: Limits, price: Price | None = None) -> list[Draft]:
    """Drafts in which every request is decided as wanted, best first; empty when none was found.

    `price` puts another cost on edits, or None to forbid them; without it the likeliest comes first.
    """
    return _Search(setting, limits, price).run(start)


class _Search:
    """One search. Edits are worked out once for each statement and focus: edits elsewhere hardly change them."""

    def __init__(self, setting: Setting, limits: Limits, price: Price | None) -> None:
        self._setting, self._limits, self._price = setting, limits, price
        self._known: dict[tuple[int, int], tuple[Row, list[Edit]]] = {}
        self._fresh: dict[tuple[int, bool], list[Edit]] = {}

    def run(self, start: Draft) -> list[Draft]:
        limits = self._limits
        tick = count()
        heap: list[tuple[float, int, Draft, Edit | None]] = [(0.0, next(tick), start, None)]
        seen: set[frozenset[Mark]] = set()
        found: list[Draft] = []
        expanded = 0
        end = limits.expansions
        while heap and expanded < end and len(found) < limits.solutions:
            _, _, draft, edit = heapq.heappop(heap)
            if found and draft.cost + (edit.cost if edit else 0.0) > found[0].cost + limits.margin:
                continue
            if edit is not None:
                key = frozenset(one.mark for one in (*draft.edits, edit))
                if key in seen:
                    continue
                seen.add(key)
                draft = draft.apply(edit)
            if not draft.wrong:
                if not found:
                    end = min(end, expanded + limits.patience)
                found.append(draft)
                found.sort(key=lambda one: one.cost)
                continue
            if len(draft.edits) >= limits.edits:
                continue
            expanded += 1
            for score, following in self._ranked(draft)[: limits.width]:
                heapq.heappush(heap, (score, next(tick), draft, following))
        return found

    def _ranked(self, draft: Draft) -> list[tuple[float, Edit]]:
        """The edits worth trying on a draft, best first."""
        focus = _focus(draft)
        scored: list[tuple[float, Edit]] = []
        done = {_turned(one) for one in draft.edits if one.kind in ONCE}
        for edit in self._edits(draft, focus):
            if _turned(edit) in done:
                continue
            if self._price is not None:
                cost = self._price(draft, edit)
                if cost is None:
                    continue
                edit = replace(edit, cost=cost)
            wrong = draft.wrong_after(edit)
            unfinished = bool(wrong & focus)
            if unfinished and not _nearer(draft, edit, focus):
                continue
            remaining = PER_WRONG * math.log2(1 + wrong.bit_count()) + UNFINISHED * unfinished
            scored.append((draft.cost + edit.cost + remaining, edit))
        scored.sort(key=lambda item: item[0])
        return scored

    def _edits(self, draft: Draft, focus: int) -> Iterator[Edit]:
        for row in _rows(draft, focus):
            key = (id(row), focus)
            if key not in self._known:
                self._known[key] = (row, self._of_row(draft, row, focus))
            yield from self._known[key][1]
        fresh = (focus, bool(focus & draft.missing))
        if fresh not in self._fresh:
            self._fresh[fresh] = list(new_statements(draft, focus, self._setting))
        yield from self._fresh[fresh]

    def _of_row(self, draft: Draft, row: Row, focus: int) -> list[Edit]:
        view = View.of(draft, row)
        best: dict[tuple[int | None, str], Edit] = {}
        for operator in OPERATORS:
            for edit in operator(view, focus, self._setting):
                edit = replace(edit, cost=edit.cost - _favour(edit, self._setting) - _named(edit, row))
                old = best.get((edit.slot, edit.note))
                if old is None or edit.cost < old.cost:
                    best[edit.slot, edit.note] = edit
        return list(best.values())


def _named(edit: Edit, row: Row) -> float:
    """A statement's own name may tell what it is about: `StopAndTerminate`, `SnsAccess`."""
    name = (row.statement.sid or "").lower()
    if len(name) < 4:
        return 0.0
    added = [word[1:] for word in edit.note.split() if word.startswith("+")]
    parts = {part.lower() for word in added for part in re.findall(r"[A-Z]?[a-z]{3,}", word)} - {"arn", "aws"}
    return NAMED if any(part in name for part in parts) else 0.0


def _turned(edit: Edit) -> tuple[str, int | None, str]:
    """What an edit turns round: the element for an inversion, the statement otherwise."""
    element = edit.note.removeprefix("Not") if edit.kind == "element-inverted" else ""
    return edit.kind, edit.slot, element


def _favour(edit: Edit, setting: Setting) -> float:
    """What earlier repairs established breaks ties, no more."""
    if not setting.favoured:
        return 0.0
    added = [word for word in edit.note.split() if word.startswith("+")]
    return FAVOUR if any(text in word for text in setting.favoured for word in added) else 0.0


def _focus(draft: Draft) -> int:
    """The wrong request to mend next: a wrongly allowed one, else one explicitly denied, else any."""
    for mask in (draft.unread, draft.excess, draft.missing & draft.denies, draft.missing):
        if mask:
            return mask & -mask
    return 0


def _nearer(draft: Draft, edit: Edit, focus: int) -> bool:
    """Whether the edit brings the focus nearer though it does not mend it yet."""
    old = None if edit.slot is None else draft.rows[draft.position(edit.slot)]
    new = [draft.evidence.row(statement) for statement in edit.statements]
    before = bool(old and old.hits & focus)
    after = any(row.hits & focus for row in new)
    if before and not after:  # one statement less among several that match it wrongly
        return old is not None and (old.allow == bool(focus & draft.excess))
    if after and not before:  # allowed now, were it not for a Deny
        return bool(focus & draft.missing) and new[0].allow
    if old is None or not new or old.hits & focus:
        return False
    wanted = old.allow == bool(focus & draft.missing)
    return wanted and _off(new[0], focus) < _off(old, focus)


def _off(row: Row, focus: int) -> int:
    """How many dimensions keep the focus out."""
    return sum(not mask & focus for mask in (row.actions, row.resources, row.principals, row.conditions))


MOST_ROWS = 8


def _rows(draft: Draft, focus: int) -> list[Row]:
    """The statements that decide the focus wrongly, or that nearly decide it rightly, nearest first."""
    missing = bool(focus & draft.missing)
    refused = [row for row in draft.rows if row.unread & focus]
    if refused:
        return refused
    hitting = [row for row in draft.rows if row.hits & focus and row.allow != missing]
    if missing and focus & draft.allows:
        return hitting
    near = [row for row in draft.rows if row.allow == missing and not row.hits & focus and row.at_most_two_off & focus]
    action = draft.evidence.actions(focus)[0]
    near.sort(key=lambda row: (_off(row, focus), -_affinity(row, action)))
    return hitting + near[:MOST_ROWS]


def _affinity(row: Row, action: str) -> int:
    """How much a statement's actions look like the action."""
    service, name = split(action)
    best = 0
    for entry in row.statement.actions:
        here, pattern = split(entry.text)
        if here == service:
            best = max(best, 2 + (pattern[:3] == name[:3]) + 2 * globs.matches(pattern.lower(), name.lower()))
        elif pattern == name:
            best = max(best, 2)
    return best
