"""Between a command and a run: what the shared options choose, who answers approvals, what is printed of a run."""

from opswright.agents.results import RunResult
from opswright.agents.stopping import interrupts
from opswright.agents.wiring import Choices, Doors
from opswright.console import Failure, Options, Reply, Status, person
from opswright.errors import Exit

MENDABLE = (Exit.BUDGET, Exit.APPROVAL, Exit.ENVIRONMENT)  # what ended the run may be gone when it is resumed


def choices_of(options: Options) -> Choices:
    """What the shared options choose for a run."""
    return Choices(options.tier, options.budget, options.receipt, options.yes, options.dry_run)


def doors_of(options: Options) -> Doors:
    """A run's doors for a command: progress on stderr, questions where a person sits at a terminal, and Ctrl-C."""
    return Doors(say=options.progress, ask=person(options.format), interrupts=interrupts)


def reply_of(run: RunResult, text: str | None = None) -> Reply:
    """The reply a command prints. `text`: instead of the answer, what a person reads on stdout of a run that ended."""
    status = Status(run.status)
    if status is Status.ERROR and len(run.outcomes) <= 1:
        text = ""  # the error's own line says it all
    if run.questions:
        text = run.answer  # what waits, with its diff: a command's own text is for a run that has ended
    return Reply(
        status=status,
        result=run.result,
        text=run.answer if text is None else text,
        usage=run.usage,
        receipts=run.receipts,
        error=_failure(run),
        tier=run.tier,
    )


def _failure(run: RunResult) -> Failure | None:
    if run.questions:
        first = run.questions[0]
        message = f"{first.action.effect}: {first.reason}; approve it, then: opswright --resume {run.run_id}"
        return Failure("ApprovalNeeded", message, run.exit_code, action_hash=first.action.hash)
    for outcome in run.outcomes:
        if outcome.status == run.status and outcome.error:
            again = f"; go on with: opswright --resume {run.run_id}" if run.exit_code in MENDABLE else ""
            return Failure(outcome.error, f"{outcome.reason}{again}", run.exit_code, outcome.where)
    names = {Status.BUDGET: "BudgetSpent", Status.APPROVAL: "ApprovalRefused"}
    kind = names.get(Status(run.status))
    if kind is None:
        return None
    reason = next(one.reason for one in run.outcomes if one.status == run.status)
    return Failure(kind, f"{reason}; go on with: opswright --resume {run.run_id}", run.exit_code)
