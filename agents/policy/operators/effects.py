"""Slips of a whole statement: Allow for Deny, an element turned into its Not form, a statement too many or too few."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from opswright.agents.policy import action_patterns, arn_patterns
from opswright.agents.policy.draft import Draft, Edit, View
from opswright.agents.policy.evidence import bits
from opswright.agents.policy.guess import Guess
from opswright.agents.policy.operators.principals import EVERYBODY, entry_for
from opswright.agents.policy.setting import Setting
from opswright.tools.iam import globs
from opswright.tools.iam.document import Effect, Entry, PrincipalEntry, Statement

ELEMENTS = ("effect", "actions", "not_action", "resources", "not_resource", "principals", "not_principal", "conditions")


def effects(view: View, focus: int, setting: Setting) -> Iterator[Edit]:
    """Effect flipped, an element's Not form taken back, the statement dropped."""
    row, statement = view.row, view.statement
    if focus & view.drop:
        other = Effect.DENY if row.allow else Effect.ALLOW
        cost = _flip_cost(statement)
        yield view.edit("effect-flipped", cost, f"Effect {other}", replace(statement, effect=other))
        twin = any(_differences(statement, one.statement) <= 1 for one in view.draft.rows if one is not row)
        yield view.edit("statement-added", 3.2 if twin else 4.8, "removed")
    for name, field in (("actions", "not_action"), ("resources", "not_resource"), ("principals", "not_principal")):
        if getattr(statement, name) is None:
            continue
        negated = not getattr(statement, field)
        change: dict[str, Any] = {field: negated}
        if negated and any(entry.text == "*" for entry in getattr(statement, name)):
            continue  # "all but everything" is no statement
        turned = replace(statement, **change)
        hits = view.evidence.row(turned).hits & focus
        if (focus & view.need and hits) or (focus & view.drop and not hits):
            label = f"{'Not' * negated}{name.capitalize().removesuffix('s')}"
            # People write Not elements rarely, and hardly ever in an Allow.
            cost = 2.1 if not negated else 3.4
            yield view.edit("element-inverted", cost, label, turned)


def _flip_cost(statement: Statement) -> float:
    """A statement's name often says what it was meant to do; else most statements are meant to allow."""
    name = (statement.sid or "").lower()
    if "deny" in name or "allow" in name:
        right = ("deny" in name) == (statement.effect is Effect.DENY)
        return 4.0 if right else 1.2
    return 3.2 if statement.effect is Effect.ALLOW else 2.2


def _differences(one: Statement, other: Statement) -> int:
    return sum(getattr(one, name) != getattr(other, name) for name in ELEMENTS)


def new_statements(draft: Draft, focus: int, setting: Setting) -> Iterator[Edit]:
    """A statement that was forgotten, learned from the requests that nothing matches as it should."""
    evidence = draft.evidence
    allow = bool(focus & draft.missing)
    if allow and focus & draft.denies:
        return
    wrong = (draft.missing & ~draft.denies) if allow else draft.excess
    service = action_patterns.split(evidence.actions(focus)[0])[0]
    same = sum(1 << i for i in bits(wrong) if action_patterns.split(evidence.requests[i].action)[0] == service)
    place = evidence.resources(focus)[0]
    there = sum(1 << i for i in bits(wrong) if evidence.requests[i].resource == place)
    for group in dict.fromkeys((same, there, wrong)):
        actions = [setting.known.spelled(name) for name in evidence.actions(group)]
        named = evidence.principals(group)
        for what in action_patterns.written(list(dict.fromkeys(actions)), setting.wild_actions, setting.known):
            for where in _places(evidence.resources(group), actions, setting):
                statement = Statement(
                    -1,
                    Effect.ALLOW if allow else Effect.DENY,
                    tuple(Entry(text) for text in what.texts),
                    resources=tuple(Entry(text) for text in where.texts),
                    principals=_principals(named, allow) if setting.resource_based else None,
                )
                note = f"{statement.effect} {' '.join(what.texts)} on {' '.join(where.texts)}"
                # What is wrongly allowed was more likely granted by mistake than meant to be denied one by one.
                cost = (1.2 if allow else 2.4) + 0.6 * what.cost + 0.6 * where.cost
                yield Edit("statement-dropped", None, (statement,), cost, note)


def _places(resources: list[str], actions: list[str], setting: Setting) -> list[Guess]:
    """The few likeliest ways to write the resources, entries of the policy among them."""
    found = arn_patterns.written(resources, setting.style, setting.templates(actions))
    for text in setting.resources:
        if all(globs.matches(text, resource) for resource in resources):
            found.append(Guess((text,), 2.6, "resource-dropped"))
    return sorted(found, key=lambda guess: guess.cost)[:5]


def _principals(named: list[str], allow: bool) -> tuple[PrincipalEntry, ...]:
    if not named or (not allow and len(named) > 2):
        return (EVERYBODY,)
    return tuple(dict.fromkeys(entry_for(name) for name in named))
