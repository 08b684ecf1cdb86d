"""What may have gone wrong with a statement: one file for each part of it, an ordered tuple of them here.

An operator looks at one row of a draft and one wrong request (`focus`, a single bit) and yields the edits that would
set the request right, or bring the row one element nearer to it. It does not judge them; the search does.
"""

from collections.abc import Callable, Iterator

from opswright.agents.policy.draft import Edit, View
from opswright.agents.policy.operators import conditions, effects, entries, principals
from opswright.agents.policy.setting import Setting

Operator = Callable[[View, int, Setting], Iterator[Edit]]

OPERATORS: tuple[Operator, ...] = (
    entries.actions,
    entries.resources,
    principals.principals,
    conditions.conditions,
    effects.effects,
)
