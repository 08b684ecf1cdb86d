"""`opswright approve`: a person's yes, or no, to one exact action."""

import click

from opswright.console import Options, Reply, Status, bad, common_options, good, heading, hint, inline, visible
from opswright.nouns import as_json


@click.command()
@click.argument("action_hash", metavar="HASH")
@click.option("--refuse", is_flag=True, help="Say no instead; earlier unused approvals of the action fall too.")
@common_options
def approve(options: Options, action_hash: str, refuse: bool) -> Reply:
    """Approve one action by its hash (the first 12 digits are enough).

    The approval is for exactly this action, for one use, within a day. With --dry-run the action is only shown.
    """
    from opswright.agents import approvals
    from opswright.knowledge.journal import Journal

    journal = Journal(options.settings.journal_path)
    question = approvals.asked(journal, action_hash)
    if not options.dry_run:
        answer = approvals.refuse if refuse else approvals.grant
        answer(journal, action_hash)
    said = "waiting" if options.dry_run else "refused" if refuse else "approved"
    action = question.action
    result = {"answer": said, "action": as_json(action), "action_hash": action.hash, "run": question.run}
    paint = {"approved": good, "refused": bad}.get(said, hint)
    lines = [f"{paint(said)}: {inline(action.effect)} ({action.risk}, {inline(action.environment)})"]
    lines += [visible(action.preview)] if action.preview else []
    if said == "approved" and question.run:
        lines.append(heading(f"go on with: opswright --resume {question.run}"))
    return Reply(Status.DONE, result, "\n".join(lines))
