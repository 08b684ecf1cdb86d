"""`opswright undo`: takes back what an action changed."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from opswright.console import Failure, Options, Reply, Status, bad, common_options, good, heading, inline
from opswright.errors import Exit, InputError
from opswright.nouns import Json
from opswright.settings import Settings

if TYPE_CHECKING:
    from opswright.agents.undo import Undoer, Undone
    from opswright.knowledge.journal import Journal

MOST_DIGITS = 18  # of an id; SQLite's numbers end there


@click.command()
@click.argument("id", metavar="[ID]", required=False)
@click.option("--all", "everything", is_flag=True, help="Take back all that dead runs left; adopted changes stay.")
@click.option("--force", is_flag=True, help="Also where somebody changed the same thing since.")
@common_options
def undo(options: Options, id: str | None, everything: bool, force: bool) -> Reply:
    """Take back one change by its ID, or with --all everything that is left over.

    Without either, lists the changes that stand, those of live evaluations too. What a running process works on is
    never touched.
    """
    from opswright.evals.states import sweep

    if id is not None and everything:
        raise click.UsageError("give either an ID or --all", click.get_current_context())
    place, seq = (None, None) if id is None else _parsed(id)
    ledgers = [one for one in _ledgers(options.settings) if place in (None, one.place)]
    if not ledgers:
        raise InputError(f"there is no undo record {id}; `opswright undo` without an id lists them", "ID")
    if options.dry_run or (id is None and not everything):
        return _listed(row for one in ledgers for row in one.rows(seq, everything))
    undone = [(one, each) for one in ledgers for each in one.undone(seq, force)]
    sweep(options.settings.state_dir)
    return _reply([(one.named(each.id), each) for one, each in undone])


def _parsed(id: str) -> tuple[str, int]:
    """`17`, or `RUN/CASE:17` of a live evaluation's case."""
    place, _, seq = id.rpartition(":")
    if not seq.isascii() or not seq.isdigit() or len(seq) > MOST_DIGITS:
        raise InputError(f"{id!r} is not an undo record's id; `opswright undo` without an id lists them", "ID")
    return place, int(seq)


@dataclass(frozen=True)
class _Ledger:
    """Where undo records are: the user's journal (`place` is empty), or that of a live evaluation's case."""

    place: str
    journal: "Journal"
    undoer: "Undoer"

    def named(self, seq: int) -> int | str:
        return f"{self.place}:{seq}" if self.place else seq

    def undone(self, seq: int | None, force: bool) -> "list[Undone]":
        return self.undoer.undo_all(force) if seq is None else [self.undoer.undo(seq, force)]

    def rows(self, seq: int | None, everything: bool) -> Iterator[dict[str, Json]]:
        from opswright.agents.attempts import Attempts

        left_over = {one.seq for one in self.undoer.left_over()}
        for one in Attempts(self.journal).standing():
            if one.undo is None or seq not in (None, one.seq) or (everything and one.kept):
                continue
            yield {
                "id": self.named(one.seq),
                "effect": one.action.effect,
                "environment": one.action.environment,
                "run": one.scope.run,
                "preview": one.action.preview,
                "state": "adopted" if one.kept else "left over" if one.seq in left_over else "in progress",
            }


def _ledgers(settings: Settings) -> Iterator[_Ledger]:
    from opswright.agents.undo import Undoer
    from opswright.evals.states import live_states
    from opswright.knowledge.journal import Journal

    journal = Journal(settings.journal_path)
    yield _Ledger("", journal, Undoer(journal, settings.leases_dir))
    for state in live_states(settings.state_dir):
        if state.has_journal:
            yield _Ledger(state.name, state.journal(), state.undoer())


def _listed(found: Iterable[dict[str, Json]]) -> Reply:
    rows = list(found)
    lines = [
        inline(f"{row['id']:>6}  {row['state']:<11}  {row['effect']}  {_subject(str(row['preview']))}") for row in rows
    ]
    text = "\n".join([heading("    id  state        change"), *lines])
    return Reply(Status.DONE, {"standing": rows}, text if rows else "nothing to undo")


def _subject(preview: str) -> str:
    """What a preview is about: its first line, without a diff's own signs."""
    return preview.strip().partition("\n")[0].removeprefix("--- ").removesuffix(" (before)")


def _reply(undone: "list[tuple[int | str, Undone]]") -> Reply:
    result = {"undone": [asdict(one) | {"id": id, "exit_code": int(one.exit_code)} for id, one in undone]}
    lines = [
        f"{id:>6}  {inline(one.effect)}  " + (bad(f"still stands: {one.error}") if one.error else good(one.message))
        for id, one in undone
    ]
    failed = [one for _, one in undone if one.error]
    text = "\n".join(lines) or "nothing to undo"
    if not failed:
        return Reply(Status.DONE, result, text)
    code = failed[0].exit_code if failed[0].exit_code != Exit.DONE else Exit.FOUND
    failure = Failure("ToolFailed", f"{len(failed)} of {len(undone)} changes still stand", code)
    return Reply(failure.status, result, text, error=failure)
