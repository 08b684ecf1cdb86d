"""Between a command and a run: what the shared options choose, who answers approvals, what is printed of a run."""

import sys

from opswright.agents.results import RunResult
from opswright.agents.wiring import Choices, Doors
from opswright.console import Failure, Format, Options, Reply, Status, heading, hint, one_line, visible
from opswright.nouns import Action


def choices_of(options: Options) -> Choices:
    """What the shared options choose for a run."""
    return Choices(options.tier, options.budget, options.receipt, options.yes, options.dry_run)


def doors_of(options: Options) -> Doors:
    """A run's doors for a command: progress on stderr, and questions where a person sits at a terminal."""
    terminal = options.format is Format.TEXT and sys.stdin.isatty() and sys.stderr.isatty()
    return Doors(say=options.progress, ask=ask_at_terminal if terminal else None)


def ask_at_terminal(action: Action, reason: str) -> bool:
    """Shows what the action does and asks; only `y` or `yes` is a yes."""
    import click

    click.echo(heading(f"{action.effect} ({action.risk}, {action.environment}): {one_line(reason)}"), err=True)
    click.echo(visible(action.preview or str(dict(action.arguments))), err=True)
    try:
        return click.confirm(hint("Do it?"), default=False, err=True)
    except click.Abort:  # end of input is no answer; Ctrl-C comes as one too, and the run can be resumed
        return False


def reply_of(run: RunResult, text: str | None = None) -> Reply:
    """The reply a command prints. `text`: instead of the answer, what a person reads on stdout."""
    return Reply(
        status=Status(run.status),
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
            return Failure(outcome.error, outcome.reason, run.exit_code)
    names = {Status.BUDGET: "BudgetSpent", Status.APPROVAL: "ApprovalRefused"}
    kind = names.get(Status(run.status))
    if kind is None:
        return None
    reason = next(one.reason for one in run.outcomes if one.status == run.status)
    return Failure(kind, f"{reason}; go on with: opswright --resume {run.run_id}", run.exit_code)
