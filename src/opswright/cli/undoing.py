"""`opswright undo`: takes back what an action changed."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from opswright.console import Failure, Options, Reply, Status, bad, common_options, good, heading, inline
from opswright.errors import Exit
from opswright.nouns import Json

if TYPE_CHECKING:
    from opswright.agents.attempts import Attempt
    from opswright.agents.undo import Undone


@click.command()
@click.argument("id", metavar="[ID]", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help="Take back all that dead runs left; adopted changes stay.")
@click.option("--force", is_flag=True, help="Also where somebody changed the same thing since.")
@common_options
def undo(options: Options, id: int | None, everything: bool, force: bool) -> Reply:
    """Take back one change by its ID, or with --all everything that is left over.

    Without either, lists the changes that stand. What a running process works on is never touched.
    """
    from opswright.agents.attempts import Attempts
    from opswright.agents.undo import Undoer
    from opswright.knowledge.journal import Journal

    if id is not None and everything:
        raise click.UsageError("give either an ID or --all", click.get_current_context())
    journal = Journal(options.settings.journal_path)
    undoer = Undoer(journal, options.settings.leases_dir)
    if options.dry_run or (id is None and not everything):
        standing = [one for one in Attempts(journal).all() if one.undo is not None and one.how_undone is None]
        wanted = [one for one in standing if id in (None, one.seq) and not (everything and one.kept)]
        return _listed(wanted, {one.seq for one in undoer.left_over()})
    return _reply([undoer.undo(id, force)] if id is not None else undoer.undo_all(force))


def _listed(attempts: Iterable["Attempt"], left_over: set[int]) -> Reply:
    rows: list[dict[str, Json]] = [
        {
            "id": one.seq,
            "effect": one.action.effect,
            "environment": one.action.environment,
            "run": one.scope.run,
            "preview": one.action.preview,
            "state": "adopted" if one.kept else "left over" if one.seq in left_over else "in progress",
        }
        for one in attempts
    ]
    lines = [
        inline(f"{row['id']:>6}  {row['state']:<11}  {row['effect']}  {_subject(str(row['preview']))}") for row in rows
    ]
    text = "\n".join([heading("    id  state        change"), *lines])
    return Reply(Status.DONE, {"standing": rows}, text if rows else "nothing to undo")


def _subject(preview: str) -> str:
    """What a preview is about: its first line, without a diff's own signs."""
    return preview.strip().partition("\n")[0].removeprefix("--- ").removesuffix(" (before)")


def _reply(undone: list["Undone"]) -> Reply:
    result = {"undone": [asdict(one) | {"exit_code": int(one.exit_code)} for one in undone]}
    lines = [
        f"{one.id:>6}  {inline(one.effect)}  " + (bad(f"still stands: {one.error}") if one.error else good(one.message))
        for one in undone
    ]
    failed = [one for one in undone if one.error]
    text = "\n".join(lines) or "nothing to undo"
    if not failed:
        return Reply(Status.DONE, result, text)
    code = failed[0].exit_code if failed[0].exit_code != Exit.DONE else Exit.FOUND
    failure = Failure("ToolFailed", f"{len(failed)} of {len(undone)} changes still stand", code)
    return Reply(failure.status, result, text, error=failure)
