"""How tasks and runs end: pure functions from what was judged to a status, a result and an exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opswright.errors import Exit, InputError, OpswrightError
from opswright.nouns import History, Json, Outcome, Tier, Trial, Usage, Verdict, as_json

ACCEPTED, REJECTED, UNDECIDED = "accepted", "rejected", "undecided"
BUDGET, APPROVAL, ERROR = "budget", "approval", "error"

EXITS: Mapping[str, Exit] = {
    ACCEPTED: Exit.DONE,
    REJECTED: Exit.FOUND,
    UNDECIDED: Exit.UNDECIDED,
    BUDGET: Exit.BUDGET,
    APPROVAL: Exit.APPROVAL,
    ERROR: Exit.BUG,
}
# Whoever resumes such a task may have changed what stopped it; the others are final.
RESUMABLE = (BUDGET, APPROVAL, ERROR)
# What a run of several tasks ends with: what a person can do something about comes first.
_URGENCY = (ERROR, APPROVAL, BUDGET, UNDECIDED, REJECTED, ACCEPTED)


@dataclass(frozen=True)
class TaskOutcome:
    """How one task ended. `tried`: (tier, ending) of each round; `error`: the failure's kind, with its exit code."""

    task: str
    specialist: str
    goal: str
    status: str
    reason: str
    result: Json = None
    tier: str = ""
    usage: Usage = field(default_factory=Usage)
    receipt: str = ""
    notes: tuple[str, ...] = ()
    tried: tuple[tuple[str, str], ...] = ()
    error: str = ""
    exit_code: int = 0
    where: str = ""  # the file, place or option that an error is about
    adopted: bool = False

    def as_json(self) -> dict[str, Json]:
        """Plain JSON values, for the journal and the checkpoint."""
        return as_json(self)


def read_outcome(payload: Mapping[str, Json]) -> TaskOutcome:
    """An outcome from its JSON form."""
    values = dict(payload)
    values["usage"] = Usage(**values["usage"])
    values["notes"] = tuple(values["notes"])
    values["tried"] = tuple((tier, ending) for tier, ending in values["tried"])
    return TaskOutcome(**values)


def failed(task: str, specialist: str, goal: str, error: OpswrightError) -> TaskOutcome:
    """The outcome of a task that ended with an error of ours."""
    by_code = {Exit.BUDGET: BUDGET, Exit.APPROVAL: APPROVAL}
    status = by_code.get(error.exit_code, ERROR)
    kind, code = type(error).__name__, int(error.exit_code)
    where = error.where if isinstance(error, InputError) else ""
    reason = " ".join(str(error).split()) or kind
    return TaskOutcome(task, specialist, goal, status, reason, error=kind, exit_code=code, where=where)


def closing_verdict(status: str, reason: str) -> Verdict:
    """The verdict that stands for how a task ended; whatever is neither accepted nor refuted is undecided."""
    known = {ACCEPTED: Outcome.ACCEPTED, REJECTED: Outcome.REJECTED}
    return Verdict(known.get(status, Outcome.UNDECIDED), reason)


def best_trial(history: History) -> Trial | None:
    """The best verified result: the last accepted trial."""
    accepted = [trial for trial in history if trial.verdict is not None and trial.verdict.accepted]
    return accepted[-1] if accepted else None


def until(history: History, last: Trial | None) -> History:
    """The history up to and with a trial; all of it where there is none."""
    places = (place for place, trial in enumerate(history, 1) if trial is last)
    return history[: next(places, len(history))]


def with_cost(result: Json, tier: Tier, usage: Usage) -> Json:
    """A specialist's result object with what the loop knows: the tier and what was spent."""
    if not isinstance(result, Mapping):
        return result
    cost = {"tier": tier.value, "tokens": usage.tokens, "cost_usd": usage.cost_usd, "seconds": round(usage.seconds, 4)}
    return {**result, **cost}


def overall_status(outcomes: Sequence[TaskOutcome]) -> str:
    """The status of a run; with no task at all nothing was accepted."""
    found = {outcome.status for outcome in outcomes}
    return next((status for status in _URGENCY if status in found), REJECTED)


def overall_exit(outcomes: Sequence[TaskOutcome]) -> Exit:
    """The exit code of a run: that of its status, an error's own where one stopped it."""
    status = overall_status(outcomes)
    codes = [outcome.exit_code for outcome in outcomes if outcome.status == status and outcome.exit_code]
    return Exit(codes[0]) if codes else EXITS[status]
