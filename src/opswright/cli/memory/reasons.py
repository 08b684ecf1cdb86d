"""Why something is believed: the lessons a run was given, and the evidence that each rests on."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from opswright.cli.memory.command import open_journal
from opswright.cli.memory.showing import lesson_json, lesson_text, moment, no_such, passage_json, status_line
from opswright.console import Options, Reply, Status, heading, inline
from opswright.knowledge.ingest.reading import LARGEST
from opswright.knowledge.journal import Journal
from opswright.knowledge.reflections import KIND, Reflection, Reflections
from opswright.knowledge.shelf import Shelf
from opswright.nouns import Json

RECALLED = "recalled/"


def reasons(options: Options, id: str) -> Reply:
    """`memory why`."""
    journal = open_journal(options)
    lessons = {one.id: one for one in Reflections(journal).all()}
    if id in lessons:
        return _of_lesson(journal, lessons[id])
    if next(journal.read(run=id), None) is not None:
        return _of_run(journal, id, lessons)
    shelf = Shelf(journal)
    if (place := shelf.passage(id)) is None:
        for one in shelf.documents():
            if one.id == id:
                place = (one, shelf.chunks(one)[0])
    if place is None:
        raise no_such(id)
    document, _ = place
    result = {**passage_json(*place, shelf.retired_passages().get(id, "")), "file_now": _file_now(document)}
    lines = [
        heading(f"{id}  {document.domain}  {inline(document.title)}"),
        f"read from {inline(document.source)} on {moment(document.at)} by {document.reader}",
        f"sha256 {document.hash}; the file {result['file_now']}",
        status_line(result["status"], result["why"]),
    ]
    return Reply(Status.DONE, {"record": "manual" if document.id == id else "passage", **result}, "\n".join(lines))


def _of_lesson(journal: Journal, one: Reflection) -> Reply:
    used = list(_uses(journal, one.id))
    lines = [
        lesson_text(one),
        *(f"{'helped' if use['helped'] else 'did harm in'} run {inline(use['run'])}" for use in used),
    ]
    return Reply(Status.DONE, {"record": "lesson", **lesson_json(one), "uses": used}, "\n".join(lines))


def _of_run(journal: Journal, run: str, lessons: dict[str, Reflection]) -> Reply:
    given: dict[str, set[str]] = {}
    for record in journal.read(run=run):
        if record.kind.startswith(RECALLED):
            given.setdefault(record.payload["id"], set()).add(record.task)
    found = [lessons[id] for id in given if id in lessons]
    gone = [id for id in given if id not in lessons]
    result: Json = {
        "record": "run",
        "run": run,
        "lessons": [{**lesson_json(one), "tasks": sorted(given[one.id])} for one in found],
        "forgotten": gone,
    }
    if not given:
        return Reply(Status.DONE, result, f"run {inline(run)} was given no lesson")
    lines = [f"run {inline(run)} was given {len(given)} lessons", *(lesson_text(one) for one in found)]
    lines += [f"{inline(id)}  was forgotten since" for id in gone]
    return Reply(Status.DONE, result, "\n\n".join(lines))


def _uses(journal: Journal, id: str) -> Iterator[dict[str, Json]]:
    """The judged runs that were given a lesson, and whether it helped."""
    for record in journal.read(KIND):
        event = record.payload
        if event["event"] == "used" and event["id"] == id:
            yield {"run": record.run, "task": record.task, "helped": bool(event["helped"])}


def _file_now(document: "Json") -> str:
    """How the file that a manual was read from stands today."""
    try:
        with Path(document.source).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError:
        return "is gone, or cannot be read"
    same = hashlib.sha256(data).hexdigest() == document.hash
    return "is still the same" if same else "has changed since; `opswright memory ingest` takes it in again"
