"""The answer to a request, worded from how its tasks ended and from nothing else."""

from collections.abc import Sequence

from opswright.agents.outcomes import ACCEPTED, APPROVAL, BUDGET, ERROR, REJECTED, UNDECIDED, TaskOutcome
from opswright.agents.plans import Plan
from opswright.console.text import inline

_OPENINGS = {
    ACCEPTED: "accepted ({tier} tier): {reason}",
    REJECTED: "nothing was accepted: {reason}",
    UNDECIDED: "undecided, so nothing is accepted: {reason}",
    BUDGET: "the budget is spent: {reason}",
    APPROVAL: "not done without approval: {reason}",
    ERROR: "failed: {reason}",
}


def word(outcomes: Sequence[TaskOutcome], plan: Plan) -> str:
    """One paragraph for each task; what nobody here can do stands at the end."""
    parts = [_part(outcome, named=len(outcomes) > 1) for outcome in outcomes]
    if note := plan.note.rstrip(" ."):
        parts.append(f"Not done: {note}." if outcomes else f"None of the specialists here can do this: {note}.")
    return "\n\n".join(parts)


def _part(outcome: TaskOutcome, named: bool) -> str:
    opening = _OPENINGS[outcome.status].format(tier=outcome.tier or "no", reason=inline(outcome.reason))
    lines = [f"{outcome.specialist}: {opening}"]
    if named:
        lines.insert(0, f"[{outcome.task}] {inline(outcome.goal)}")
    said = outcome.result.get("summary") if isinstance(outcome.result, dict) else None
    if isinstance(said, str) and said:
        lines.append(said)
    lines += [f"note: {inline(note)}" for note in outcome.notes]
    return "\n".join(lines)
