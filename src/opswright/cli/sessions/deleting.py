"""`sessions delete`: what was deleted, what was kept, and what lies elsewhere."""

from typing import TYPE_CHECKING, cast

from opswright.console import Options, Reply, Status, good, hint, inline

if TYPE_CHECKING:
    from opswright.agents.erasing import Erased, Standing


def delete(options: Options, id: str, standing: str) -> Reply:
    """Deletes it. Raises InputError, EnvironmentFailed and StoreFailed as the eraser does."""
    from opswright.agents.erasing import Eraser
    from opswright.cli.chat.history import forget_session
    from opswright.knowledge.journal import Journal

    journal = Journal(options.settings.journal_path)
    history = options.settings.chat_history_path
    eraser = Eraser(options.settings, journal, lambda session: forget_session(history, session))
    chosen = cast("Standing", standing)
    if options.dry_run:
        runs = eraser.check(id, chosen)
        return Reply(Status.DONE, {"id": id, "runs": list(runs)}, f"would delete {id} with {len(runs)} runs")
    eraser.check(id, "forget")  # said only of what is there
    options.progress(f"deleting {id}: the journal is rewritten, which takes a moment for a big one")
    erased = eraser.erase(id, chosen)
    return Reply(Status.DONE, _json(erased), "\n".join(_lines(erased, eraser.unfinished())))


def _json(erased: "Erased") -> dict[str, object]:
    return {
        "id": erased.id,
        "runs": list(erased.runs),
        "records": erased.records,
        "receipts": erased.receipts,
        "kept_undo": list(erased.kept_undo),
        "elsewhere": list(erased.elsewhere),
    }


def _lines(erased: "Erased", unfinished: tuple[str, ...]) -> list[str]:
    lines = [
        good(f"deleted {erased.id}: {erased.records} records without their text, {erased.receipts} receipts removed")
    ]
    lines += [hint(f"kept: what undoing change {seq} needs; `opswright undo {seq}`") for seq in erased.kept_undo]
    lines += [hint(f"not deleted, since you chose its place: {inline(path)}") for path in erased.elsewhere]
    lines += [
        hint(f"another deletion was cut off; finish it with: opswright sessions delete {id}") for id in unfinished
    ]
    return lines
