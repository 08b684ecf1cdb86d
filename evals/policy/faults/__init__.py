"""The fault injector: kinds of slips that people really make in policies, written without sight of the repair.

One file a family. A fault changes one element of one statement and nothing else; whether it changes what the policy
means is for the engine to say (see `opswright.evals.policy.cases`).
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from opswright.evals.policy.faults import actions, conditions, principals, resources, statements
from opswright.evals.policy.faults.statement import Actions, Kind
from opswright.nouns import Json

WHOLE = "Statement"  # the element of a fault that drops a whole statement

KINDS: tuple[Kind, ...] = (
    *actions.KINDS,
    *resources.KINDS,
    *conditions.KINDS,
    *statements.KINDS,
    *principals.KINDS,
)


@dataclass(frozen=True)
class Fault:
    """One slip: elements of statement `index` (from 0, in the true document) before and after; absent ones left out."""

    kind: str
    index: int
    elements: tuple[str, ...]
    before: dict[str, Json]
    after: dict[str, Json]


def statement_list(policy: Json) -> list[dict[str, Json]]:
    """A document's statements as a list: AWS lets a list of one be written as the bare object."""
    found = policy["Statement"]
    return list(found) if isinstance(found, list) else [found]


def inject(policy: Json, kind: Kind, rng: Random, known: Actions, others: Sequence[Fault] = ()) -> Fault | None:
    """One fault of a kind in the true document, where no other fault is; None where the kind applies nowhere."""
    found = statement_list(policy)
    order = list(range(len(found)))
    rng.shuffle(order)
    for index in order:
        before = found[index]
        after = kind.inject(copy.deepcopy(before), rng, known)
        if after is None or after == before or (not after and len(found) < 2):
            continue
        fault = _difference(kind.name, index, before, after)
        if not any(_overlap(fault, other) for other in others):
            return fault
    return None


def with_faults(policy: Json, faults: Sequence[Fault]) -> Json:
    """The document with the faults in it; every other element is as it was."""
    found: list[dict[str, Json] | None] = list(statement_list(policy))
    for fault in faults:
        found[fault.index] = None if WHOLE in fault.elements else _changed(found[fault.index] or {}, fault)
    return {**policy, "Statement": [statement for statement in found if statement is not None]}


def _difference(kind: str, index: int, before: dict[str, Json], after: dict[str, Json]) -> Fault:
    if not after:
        return Fault(kind, index, (WHOLE,), before, {})
    names = tuple(name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name))
    old = {name: before[name] for name in names if name in before}
    return Fault(kind, index, names, old, {name: after[name] for name in names if name in after})


def _overlap(one: Fault, other: Fault) -> bool:
    shared = WHOLE in (*one.elements, *other.elements) or bool(set(one.elements) & set(other.elements))
    return one.index == other.index and shared


def _changed(statement: dict[str, Json], fault: Fault) -> dict[str, Json]:
    """The statement with the fault's elements; an element that took another's place stands in its place."""
    new = [name for name in fault.after if name not in statement]
    changed: dict[str, Json] = {}
    for name, value in statement.items():
        if name not in fault.elements:
            changed[name] = value
        elif name in fault.after:
            changed[name] = fault.after[name]
        elif new:
            other = new.pop(0)
            changed[other] = fault.after[other]
    return {**changed, **{name: fault.after[name] for name in new}}
