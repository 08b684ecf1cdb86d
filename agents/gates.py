"""The gate before a trial and before an adoption: one pure function for both.

It decides nothing by itself: the approval policy and the grants do, and the manifest says which effects a specialist
may use at all and how mild they may claim to be.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opswright.agents.approvals import Choice, Decision
from opswright.nouns import Action, Permit, Risk

_MILDEST_FIRST = tuple(Risk)


@dataclass(frozen=True)
class Gate:
    """The permits by action hash; the actions a person must decide about, with the reason; or why it is refused."""

    permits: Mapping[str, Permit]
    pending: tuple[tuple[Action, str], ...] = ()
    refused: str = ""


def authorise(actions: Sequence[Action], declared: Mapping[str, Risk], decide: Callable[[Action], Decision]) -> Gate:
    """Judges every action before any is done: one that is refused stops all of them."""
    permits: dict[str, Permit] = {}
    pending: dict[str, tuple[Action, str]] = {}
    for action in actions:
        if problem := _undeclared(action, declared):
            return Gate({}, refused=problem)
        decision = decide(action)
        if decision.permit is not None:
            permits[action.hash] = decision.permit
        elif decision.choice is Choice.DENY:
            return Gate({}, refused=f"{action.effect}: {decision.reason}")
        else:
            pending[action.hash] = (action, decision.reason)
    return Gate(permits, tuple(pending.values()))


def _undeclared(action: Action, declared: Mapping[str, Risk]) -> str:
    if action.effect not in declared:
        return f"{action.effect}: the specialist's manifest does not declare this effect"
    least = declared[action.effect]
    if _MILDEST_FIRST.index(action.risk) < _MILDEST_FIRST.index(least):
        return f"{action.effect} is declared {least}, and the action claims to be {action.risk}"
    return ""
