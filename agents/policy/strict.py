"""Strict repair: nothing beyond the original and what the specification requires.

Wrongly allowed requests are met by narrowing what allows them, wrongly denied ones by the least access that meets them.
Every find is proved before it is returned; the plainest patch (a statement for each request) stands last in line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

from opswright.agents.policy.draft import Draft, Edit
from opswright.agents.policy.evidence import Evidence, bits
from opswright.agents.policy.exclusion import excluded
from opswright.agents.policy.narrowing import narrows, openness
from opswright.agents.policy.opening import opened_by_slips
from opswright.agents.policy.points import exact_statement, merged
from opswright.agents.policy.search import Limits, search
from opswright.agents.policy.setting import Setting
from opswright.tools.iam.document import ConditionTest, Effect, Entry, Request, Statement

STATEMENT, ELEMENT = 10.0, 2.0
FRESH = 10**6  # slots from here on are no statements of the original


def price(draft: Draft, edit: Edit, setting: Setting) -> float | None:
    """The strict order as a number: statements edited, then elements, then how much stays open. None: not strict."""
    old = None
    if edit.slot is not None:
        old = draft.rows[draft.position(edit.slot)].statement
    if not all(narrows(old, new) for new in edit.statements):
        return None
    if not edit.statements and old is not None and old.effect is Effect.DENY:
        return None
    fresh = not any(one.slot == edit.slot and one.slot is not None for one in draft.edits)
    elements = sum(changed_elements(old, new) for new in edit.statements) or 3
    left = sum(openness(new, setting) for new in edit.statements)
    return STATEMENT * fresh + ELEMENT * elements + min(1.9, left)


ELEMENTS = (
    ("effect",),
    ("actions", "not_action"),
    ("resources", "not_resource"),
    ("principals", "not_principal"),
    ("conditions",),
)


def changed_elements(old: Statement | None, new: Statement) -> int:
    """How many elements of a statement differ; those of a new statement all count."""
    if old is None:
        return 2 + (new.resources is not None) + (new.principals is not None) + bool(new.conditions)
    return sum(any(getattr(old, name) != getattr(new, name) for name in names) for names in ELEMENTS)


def strict_candidates(
    setting: Setting, wanted: Sequence[tuple[Request, bool]], limits: Limits, extra: Sequence[Statement] = ()
) -> Iterator[list[Statement]]:
    """Statement lists that decide every request as wanted, best first; each is still to be proved.

    `extra`: statements that are added before anything else.
    """
    base = (*setting.policy.statements, *extra)
    whole = _draft(Evidence(setting.policy, wanted), base)
    rest = [pair for i, pair in enumerate(wanted) if not whole.missing >> i & 1]
    asked = [wanted[i][0] for i in bits(whole.missing)]
    start = _draft(Evidence(setting.policy, rest), base)
    narrowed = search(start, setting, limits, partial(price, setting=setting))[:4] if start.wrong else [start]
    spared = [request for request, allowed in wanted if allowed]
    for draft in narrowed:
        refused = [request for request, allowed in wanted if not allowed]
        for opened in opened_by_slips(draft.statements(), asked, refused, setting, limits):
            yield from _completed(opened, wanted, setting)
        for opened in _opened(draft.statements(), asked, spared, setting):
            yield from _completed(opened, wanted, setting)
    yield from _completed(list(base), wanted, setting)


def _opened(
    statements: Sequence[Statement], asked: Sequence[Request], spared: Sequence[Request], setting: Setting
) -> Iterator[list[Statement]]:
    """The statements with every Deny that hits a request of `asked` made to spare it, first the simplest way.

    `spared`: all that must be allowed; a Deny of all other resources must not hit what was allowed before.
    """
    evidence = Evidence(setting.policy, [(request, True) for request in asked])
    hit = [s for s in statements if s.effect is Effect.DENY and evidence.row(s).hits]
    if not hit:
        yield list(statements)
        return
    for depth in (0, 1, 2):
        made: list[Statement] = []
        for statement in statements:
            parts = [statement]
            # A second time: a statement made in the first round may hit a request that it had passed by.
            for request in (*spared, *spared) if statement in hit else ():
                parts = [new for part in parts for new in excluded(part, request, setting, depth)]
            made += parts
        yield made


def _completed(
    statements: list[Statement], wanted: Sequence[tuple[Request, bool]], setting: Setting
) -> Iterator[list[Statement]]:
    """With the least Allow for what is still denied, joined to existing statements where that stays exact."""
    evidence = Evidence(setting.policy, wanted)
    draft = _draft(evidence, statements)
    points = [exact_statement(Effect.ALLOW, wanted[i][0], setting) for i in bits(draft.missing)]
    if any(point.principals == () for point in points):
        return
    absorbed, left = _absorbed(statements, points)
    if len(left) < len(points):
        yield from _guarded([*absorbed, *merged(left)], wanted, setting)
    yield from _guarded([*statements, *merged(points)], wanted, setting)


def _absorbed(statements: list[Statement], points: Sequence[Statement]) -> tuple[list[Statement], list[Statement]]:
    """Points that fit into an existing Allow by one entry more in one element, all others being equal."""
    made = list(statements)
    left = []
    for point in points:
        at = next((at for at, one in enumerate(made) if _joins(one, point)), None)
        if at is None:
            left.append(point)
            continue
        one = made[at]
        name = _joins(one, point) or "actions"
        joined = (*getattr(one, name), *(e for e in getattr(point, name) if e not in getattr(one, name)))
        change: dict[str, Any] = {name: joined}
        made[at] = replace(one, **change)
    return made, left


def _joins(one: Statement, point: Statement) -> str | None:
    """The element in which alone two Allow statements differ."""
    if one.effect is not Effect.ALLOW or one.not_action or one.not_resource or one.not_principal:
        return None
    if set(one.conditions) != set(point.conditions) or (one.principals is None) != (point.principals is None):
        return None
    names = ("actions", "resources", "principals")
    apart = [name for name in names if set(getattr(one, name) or ()) != set(getattr(point, name) or ())]
    return apart[0] if len(apart) == 1 and getattr(one, apart[0]) is not None else None


def _draft(evidence: Evidence, statements: Sequence[Statement]) -> Draft:
    """A draft of statements; those that are new get slots of their own."""
    fresh = count(FRESH)
    numbered = [one if one.index >= 0 else replace(one, index=next(fresh)) for one in statements]
    return Draft(evidence, tuple(evidence.row(statement) for statement in numbered), next_slot=next(fresh))


def _guarded(
    statements: list[Statement], wanted: Sequence[tuple[Request, bool]], setting: Setting
) -> Iterator[list[Statement]]:
    """With an exact Deny for whatever is still wrongly allowed, sparing the requests that must be allowed."""
    evidence = Evidence(setting.policy, wanted)
    draft = _draft(evidence, statements)
    denies = []
    for i in bits(draft.excess):
        statement = exact_statement(Effect.DENY, wanted[i][0], setting)
        hit = evidence.row(statement).hits & evidence.allow
        keys = sorted({key for j in bits(hit) for key in wanted[j][0].context} - set(wanted[i][0].context))
        spared = tuple(ConditionTest("Null", key, (Entry("true"),)) for key in keys)
        denies.append(replace(statement, conditions=(*statement.conditions, *spared)))
    made = [*statements, *merged(denies)]
    if not _draft(evidence, made).wrong:
        yield made
