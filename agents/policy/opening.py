"""Denies that hit what they must not, put right by small edits; a proof says afterwards whether that opened more.

A request that a Deny ceases to hit is not allowed by that alone: it needs an Allow as well. So an entry of a Deny can
often go as it stands, where sparing exact requests would take many entries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from opswright.agents.policy.draft import Draft, Edit
from opswright.agents.policy.evidence import Evidence
from opswright.agents.policy.narrowing import within
from opswright.agents.policy.search import Limits, search
from opswright.agents.policy.setting import Setting
from opswright.tools.iam import globs
from opswright.tools.iam.document import Effect, Entry, Request, Statement

MOST = 3  # ways that are worth a proof each
EDIT = 10.0  # the fewest edits first, whatever they are
POINT = 2.0  # a Deny of one resource only, where a pattern would do, leaves more open than need be
EVERYTHING = Statement(-1, Effect.ALLOW, (Entry("*"),))


def opened_by_slips(
    statements: Sequence[Statement],
    asked: Sequence[Request],
    refused: Sequence[Request],
    setting: Setting,
    limits: Limits,
) -> Iterator[list[Statement]]:
    """The statements with their Denies narrowed so that none hits a request of `asked`, fewest edits first.

    `refused`: what must stay denied; those that a Deny keeps out now go on being kept out by one. `asked` may be
    missing an Allow still. Every statement has a slot of its own as its index.
    """
    denies = [statement for statement in statements if statement.effect is Effect.DENY]
    before = Evidence(setting.policy, [(request, False) for request in (*asked, *refused)])
    hits = 0
    for statement in denies:
        hits |= before.row(statement).hits
    if not hits & ((1 << len(asked)) - 1):
        return
    kept = [(request, False) for at, request in enumerate(refused, len(asked)) if hits >> at & 1]
    # Behind an Allow of everything the Denies alone decide.
    evidence = Evidence(setting.policy, [*((request, True) for request in asked), *kept])
    slot = 1 + max(statement.index for statement in statements)
    rows = tuple(evidence.row(statement) for statement in (replace(EVERYTHING, index=slot), *denies))
    for draft in search(Draft(evidence, rows, next_slot=slot + 1), setting, limits, _price)[:MOST]:
        yield _put_back(statements, [one for one in draft.statements() if one.index != slot])


def _price(draft: Draft, edit: Edit) -> float | None:
    """Only Denies may change, and only to deny less."""
    if edit.slot is None:
        return None
    old = draft.rows[draft.position(edit.slot)].statement
    if old.effect is Effect.ALLOW or not all(new.effect is Effect.DENY and within(new, old) for new in edit.statements):
        return None
    return EDIT + edit.cost + POINT * any(_pointed(old, new) for new in edit.statements)


def _pointed(old: Statement, new: Statement) -> bool:
    """Whether a pattern among the resources gave way to single resources."""
    fresh = [entry for entry in new.resources or () if entry not in (old.resources or ())]
    return bool(fresh) and not any(globs.is_glob(entry.text) for entry in fresh)


def _put_back(statements: Sequence[Statement], denies: Sequence[Statement]) -> list[Statement]:
    """The statements with these in the place of their Denies; what a Deny was split into comes last."""
    made = {statement.index: statement for statement in denies}
    found = []
    for statement in statements:
        if statement.effect is Effect.ALLOW:
            found.append(statement)
        elif statement.index in made:
            found.append(made.pop(statement.index))
    return [*found, *(replace(statement, index=-1) for statement in made.values())]
