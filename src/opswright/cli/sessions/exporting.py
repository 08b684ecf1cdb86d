"""A session as JSON Lines or Markdown, and a file that is written once."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opswright.cli.sessions.command import moment, no_such
from opswright.cli.sessions.showing import deleted, turn_json
from opswright.console import visible
from opswright.console.output import cost_line
from opswright.errors import InputError, StoreFailed
from opswright.nouns import Json

if TYPE_CHECKING:
    from opswright.agents.sessions import Session, Sessions, Turn
    from opswright.knowledge.journal import Journal

FORM = "opswright/session/1"


def exported(sessions: "Sessions", id: str, form: str, with_files: bool) -> tuple[str, int]:
    """The text, and how many turns are in it. Raises InputError for an unknown session or run."""
    session = sessions.get(id) if sessions.exists(id) else _as_session(sessions.journal, id)
    texts = {turn.run: _texts(sessions.journal, turn.run) if with_files else {} for turn in session.turns}
    write = _markdown if form == "markdown" else _json_lines
    return "\n".join(write(session, texts)) + "\n", len(session.turns)


def write_new(path: Path, text: str) -> None:
    """Writes a file of mode 0600 that was not there before. Raises InputError where one is, StoreFailed."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise InputError("exists already; name another file", str(path)) from error
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StoreFailed(f"{path}: {error.strerror}") from error


def _as_session(journal: "Journal", run: str) -> "Session":
    """A single run as a session of one turn."""
    from opswright.agents.sessions import Session, Turn, one_shot

    record = journal.find(f"{run}/run")
    if record is None:
        raise no_such(run)
    if deleted(journal, run) is not None:
        raise InputError("was deleted; there is nothing left to export", run)
    one = one_shot(journal, run)
    files = tuple({"name": file["name"]} for file in record.payload.get("files", ()))
    turn = Turn(1, run, record.at, one.request, files, status=one.status, answer=one.answer, usage=one.usage)
    return Session(run, record.at, (turn,))


def _texts(journal: "Journal", run: str) -> dict[str, str]:
    record = journal.find(f"{run}/run")
    files = () if record is None else record.payload.get("files", ())
    return {one["name"]: one["text"] for one in files if "text" in one}  # nothing of what is by reference


def _json_lines(session: "Session", texts: dict[str, dict[str, str]]) -> Iterator[str]:
    head = {"schema": FORM, "id": session.id, "title": session.title, "started": moment(session.started)}
    yield _line({**head, "turns": len(session.turns)})
    for turn in session.turns:
        fields = turn_json(turn)
        if texts[turn.run]:
            fields["texts"] = texts[turn.run]
        yield _line(fields)


def _line(value: Json) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _markdown(session: "Session", texts: dict[str, dict[str, str]]) -> Iterator[str]:
    yield f"# {_plain(session.title) or 'Session'}"
    yield f"\nSession {session.id}, started {moment(session.started)}."
    for turn in session.turns:
        yield from _section(turn, texts[turn.run])


def _section(turn: "Turn", texts: dict[str, str]) -> Iterator[str]:
    yield f"\n## Turn {turn.number}: {turn.status}\n"
    yield _fenced(turn.request)
    yield f"\n{moment(turn.at)}, run {turn.run}"
    yield from (f"- file: {_plain(one['name'])}" for one in turn.files)
    yield from (f"- carried over: {_plain(line)}" for line in turn.carried)
    if turn.answer:
        yield f"\nAnswer:\n\n{_fenced(turn.answer)}"
    yield f"\n{cost_line(turn.usage, turn.tier)}"
    yield from (f"- receipt: {_plain(path)}" for path in turn.receipts)
    for name, text in texts.items():
        yield f"\n{_plain(name)}:\n\n{_fenced(text)}"


def _fenced(text: str) -> str:
    """In a code block whose fence is longer than any in the text, so that nothing in it is taken for Markdown."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{visible(text)}\n{fence}"


def _plain(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", visible(" ".join(text.split())))
