"""Whether two policies mean the same, over the actions AWS has."""

from dataclasses import replace

from opswright.tools.iam.actions import ActionDatabase
from opswright.tools.iam.compare import new_access
from opswright.tools.iam.document import Policy, Request, Statement


def known_part(policy: Policy, actions: ActionDatabase) -> Policy:
    """The policy without entries that match no known action: AWS never asks for such an action.

    A misspelled name that stays behind in a repaired policy is untidy, but it neither grants nor denies anything.
    """
    return replace(policy, statements=tuple(found for s in policy.statements if (found := _known(s, actions))))


def _known(statement: Statement, actions: ActionDatabase) -> Statement | None:
    kept = tuple(entry for entry in statement.actions if not actions.unknown(entry.text))
    if len(kept) == len(statement.actions):
        return statement
    if kept:
        return replace(statement, actions=kept)
    # NotAction of nothing known is every action; Action of nothing known is no statement at all.
    return (
        replace(statement, actions=(replace(statement.actions[0], text="*"),), not_action=False)
        if statement.not_action
        else None
    )


def gained(new: Policy, old: Policy, actions: ActionDatabase) -> tuple[bool | None, Request | None]:
    """Whether `new` allows a request for a known action that `old` does not, with the witness."""
    found = new_access(known_part(new, actions), known_part(old, actions))
    return found.new_access, found.witness


def differ(one: Policy, other: Policy) -> bool | None:
    """Whether two policies allow different requests; None when the engine cannot tell."""
    forth = new_access(one, other).new_access
    if forth:
        return True
    back = new_access(other, one).new_access
    return True if back else None if forth is None or back is None else False
