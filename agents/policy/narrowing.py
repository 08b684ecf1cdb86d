"""Whether one statement allows no more than another, told from the text alone; and how much a statement leaves open."""

import math
from collections.abc import Sequence
from dataclasses import replace

from opswright.agents.policy.setting import Setting
from opswright.tools.iam import globs
from opswright.tools.iam.document import ConditionTest, Effect, Entry, Statement
from opswright.tools.iam.operators import OPERATORS


def narrows(old: Statement | None, new: Statement) -> bool:
    """Sound, not complete: True means that putting `new` for `old` (or adding it) allows nothing new."""
    if old is None:
        return new.effect is Effect.DENY
    if old.effect is Effect.ALLOW and new.effect is Effect.DENY:
        return True
    if old.effect is not new.effect:
        return False
    return within(new, old) if new.effect is Effect.ALLOW else within(old, new)


def within(small: Statement, large: Statement) -> bool:
    """Whether every request that matches the small statement matches the large one. Sound, not complete."""
    if (small.not_action, small.not_resource, small.not_principal) != (
        large.not_action,
        large.not_resource,
        large.not_principal,
    ):
        return False
    if not _entries_within(small.actions, large.actions, small.not_action, fold=True):
        return False
    if large.resources is not None and (
        small.resources is None or not _entries_within(small.resources, large.resources, small.not_resource, fold=False)
    ):
        return False
    if large.principals is not None and small.principals is not None:
        few, many = (large, small) if small.not_principal else (small, large)
        everybody = any(entry.text == "*" for entry in many.principals or ())
        if not everybody and not set(few.principals or ()) <= set(many.principals or ()):
            return False
    elif large.principals is not None:
        return False
    return all(any(_implies(mine, theirs) for mine in small.conditions) for theirs in large.conditions)


def _entries_within(small: Sequence[Entry], large: Sequence[Entry], negated: bool, fold: bool) -> bool:
    few, many = (large, small) if negated else (small, large)
    if few is many:
        return True
    patterns = {entry.text.lower() if fold else entry.text for entry in many}
    texts = {entry.text.lower() if fold else entry.text for entry in few} - patterns
    return all(any(_covers(pattern, text) for pattern in patterns) for text in texts)


def _covers(pattern: str, text: str) -> bool:
    """Whether the pattern matches all that the pattern `text` does (a `?` in it covers no `*`)."""
    if pattern == text:
        return True
    if "${" in pattern:
        return False
    return ("?" not in pattern or "*" not in text) and globs.matches(pattern, text)


def _implies(mine: ConditionTest, theirs: ConditionTest) -> bool:
    if mine == theirs:
        return True
    if replace(mine, values=theirs.values) != theirs:
        return False
    some, more = set(mine.values), set(theirs.values)
    return more <= some if OPERATORS[mine.operator].negated else some <= more


def openness(statement: Statement, setting: Setting) -> float:
    """How much an Allow leaves open, between 0 and about 1: actions, then the breadth of its resources; a Deny nothing.

    A measure for ordering repairs that are otherwise equal, not a proof of anything.
    """
    if statement.effect is Effect.DENY:
        return 0.0
    if statement.not_action or statement.not_resource:
        return 1.0
    actions = sum(len(setting.known.matching(entry.text)) for entry in statement.actions)
    places = sum(1 + 8 * entry.text.count("*") for entry in statement.resources or ())
    return math.log2(1 + actions) / 20 + math.log2(1 + places) / 40
