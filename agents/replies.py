"""From the shared options to a run's choices and doors, and from how a run stands to what a command prints."""

from opswright.agents.results import RunResult
from opswright.agents.wiring import Choices, Doors
from opswright.console import Failure, Options, Reply, Status, heading, hint, person, visible
from opswright.errors import Exit


def choices_of(options: Options) -> Choices:
    """What the options choose for a run."""
    return Choices(options.tier, options.budget, options.receipt, options.yes, options.dry_run)


def doors_of(options: Options) -> Doors:
    """Progress where the options want it; questions to the person at the terminal, where there is one."""
    return Doors(say=options.progress, ask=person())


def reply_of(run: RunResult, text: str | None = None) -> Reply:
    """The reply for a run. `text`: what a person reads on stdout, by default the run's answer."""
    shown = visible(run.answer) if text is None else text
    failure = _failure(run)
    status = Status(run.status)
    if failure is not None and failure.exit_code == Exit.APPROVAL and run.questions:
        shown = "\n".join([shown, *_questions(run)]).strip()
    return Reply(status, run.result, shown, run.usage, run.receipts, failure, run.tier)


def _failure(run: RunResult) -> Failure | None:
    if run.status in (Status.ACCEPTED, Status.REJECTED, Status.UNDECIDED):
        return None
    if run.questions:
        hashes = [question.action.hash for question in run.questions]
        orders = "; ".join(f"opswright approve {one}" for one in hashes)
        message = f"{len(hashes)} action{'s' * (len(hashes) > 1)} wait for approval: {orders}; then go on with "
        return Failure("ApprovalNeeded", f"{message}opswright --resume {run.run_id}", Exit.APPROVAL, "", hashes[0])
    stopped = next((one for one in run.outcomes if one.status == run.status), None)
    reason = stopped.reason if stopped is not None else run.answer or run.status
    kind = (stopped.error if stopped is not None else "") or "Stopped"
    return Failure(kind, f"{reason}; opswright --resume {run.run_id} goes on", run.exit_code)


def _questions(run: RunResult) -> list[str]:
    lines: list[str] = []
    for question in run.questions:
        action = question.action
        lines += [
            heading(f"{action.effect} ({action.risk}, {action.environment}): {question.reason}"),
            visible(action.preview),
            hint(f"action {action.hash}"),
        ]
    return [line for line in lines if line]
