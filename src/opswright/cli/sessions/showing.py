"""What `sessions show` prints: a conversation, or one run step by step."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from opswright.cli.sessions.command import moment, no_such
from opswright.console import Reply, Status, heading, hint, inline, visible
from opswright.console.output import cost_line
from opswright.nouns import Json, as_json

if TYPE_CHECKING:
    from opswright.agents.sessions import Session, Turn
    from opswright.knowledge.journal import Journal


def show_turns(session: "Session") -> Reply:
    """The conversation."""
    result: Json = {
        "id": session.id,
        "title": session.title,
        "started": moment(session.started),
        "files": list(session.files),
        "turns": [turn_json(turn) for turn in session.turns],
    }
    lines = [heading(f"session {session.id}, started {moment(session.started)}, {len(session.turns)} turns")]
    for turn in session.turns:
        lines += turn_lines(turn)
    return Reply(Status.DONE, result, "\n".join(lines))


def turn_json(turn: "Turn") -> dict[str, Json]:
    """A turn for a program."""
    fields = as_json(turn)
    return {**fields, "at": moment(turn.at), "usage": fields["usage"] | {"tokens": turn.usage.tokens}}


def turn_lines(turn: "Turn") -> Iterator[str]:
    """A turn for a person."""
    yield ""
    first, *rest = visible(turn.request).split("\n")
    yield heading(f"{turn.number} > {first}")
    yield from (heading(f"  {line}") for line in rest)
    yield hint(f"{moment(turn.at)}, {turn.status}, run {turn.run}")
    if turn.files:
        yield f"files: {', '.join(inline(one['name']) for one in turn.files)}"
    yield from (f"carried over: {inline(line)}" for line in turn.carried)
    if turn.answer:
        yield visible(turn.answer)
    if turn.ended:
        yield hint(cost_line(turn.usage, turn.tier))
    yield from (f"receipt: {inline(path)}" for path in turn.receipts)


def deleted(journal: "Journal", run: str) -> float | None:
    """When a run was deleted, by itself or with its session."""
    turn = journal.find(f"turn:{run}")
    record = journal.find(f"erasing:{run if turn is None else turn.run}")
    return None if record is None else record.at


def show_run(journal: "Journal", run: str) -> Reply:
    """One run: what was asked, what was answered, and its steps."""
    from opswright.agents.sessions import one_shot

    records = list(journal.read(run=run))
    if not records:
        raise no_such(run)
    steps = [{"seq": one.seq, "at": moment(one.at), "kind": one.kind, "task": one.task} for one in records]
    result: dict[str, Json] = {"run": run, "steps": steps}
    lines: list[str] = []
    if (erasing := deleted(journal, run)) is not None:
        lines = [hint(f"deleted on {moment(erasing)}; that these steps were taken is what is left of it")]
    elif journal.find(f"{run}/run") is not None:  # a talk, or changes that were applied, are no runs of their own
        one = one_shot(journal, run)
        result |= {"request": one.request, "status": one.status, "answer": one.answer, "usage": as_json(one.usage)}
        lines = [heading(f"> {visible(one.request)}"), hint(one.status), *([visible(one.answer)] if one.answer else [])]
    lines += [inline(f"{step['seq']:>6}  {step['at']}  {step['kind']:<20}  {step['task']}") for step in steps]
    return Reply(Status.DONE, result, "\n".join(lines))
