"""Listing what is remembered, and showing one of it."""

import time
from dataclasses import asdict

from opswright.cli.memory.command import open_journal
from opswright.console import Options, Reply, Status, heading, inline, one_line, visible
from opswright.errors import InputError
from opswright.knowledge.ingest.blocks import Chunk
from opswright.knowledge.manuals import Document, passage_id
from opswright.knowledge.reflections import Reflection, Reflections
from opswright.knowledge.shelf import Shelf
from opswright.nouns import Json


def listed(options: Options, domain: str, every: bool) -> Reply:
    """`memory list`."""
    journal = open_journal(options)
    manuals = [
        one for one in Shelf(journal).documents()
        if (every or one.status == "current") and domain in ("", one.domain)
    ]  # fmt: skip
    lessons = [
        one for one in Reflections(journal).all()
        if (every or one.status in ("candidate", "active")) and domain in ("", one.specialist)
    ]  # fmt: skip
    result: Json = {"manuals": [asdict(one) for one in manuals], "lessons": [lesson_json(one) for one in lessons]}
    if not manuals and not lessons:
        return Reply(Status.DONE, result, "nothing is remembered yet; `opswright memory ingest` takes manuals in")
    lines = []
    if manuals:
        lines.append(heading(f"{'manual':<16}  {'domain':<10}  {'status':<10}  {'passages':>8}  title"))
        lines += [
            f"{one.id:<16}  {one.domain:<10}  {one.status:<10}  {one.chunks:>8,}  "
            f"{inline(one.title)}  {inline(one.source)}" for one in manuals
        ]  # fmt: skip
    if lessons:
        lines.append(heading(f"{'lesson':<16}  {'field':<10}  {'status':<10}  {'points':>8}  scope: what it says"))
        lines += [
            f"{one.id:<16}  {inline(one.specialist):<10}  {one.status:<10}  {one.points:>8,}  "
            f"{inline(one.scope or 'everywhere')}: {one_line(one.text)}" for one in lessons
        ]  # fmt: skip
    return Reply(Status.DONE, result, "\n".join(lines))


def shown(options: Options, id: str) -> Reply:
    """`memory show`."""
    journal = open_journal(options)
    shelf = Shelf(journal)
    for one in shelf.documents():
        if one.id == id:
            return _manual(shelf, one)
    for lesson in Reflections(journal).all():
        if lesson.id == id:
            return Reply(Status.DONE, {"record": "lesson", **lesson_json(lesson)}, lesson_text(lesson))
    if (place := shelf.passage(id)) is not None:
        result = {"record": "passage", **passage_json(*place, shelf.retired_passages().get(id, ""))}
        return Reply(Status.DONE, result, _passage_text(result))
    raise no_such(id)


def no_such(id: str) -> InputError:
    """An id of nothing that is remembered."""
    return InputError("nothing that is remembered has this id; `opswright memory list --all` shows what there is", id)


def lesson_json(one: Reflection) -> dict[str, Json]:
    """A lesson with its evidence."""
    return {**asdict(one), "content": dict(one.content), "points": one.points}


def passage_json(one: Document, chunk: Chunk, retired: str) -> dict[str, Json]:
    """A passage with where it is from."""
    return {
        "id": passage_id(one.domain, one.content, chunk.position),
        "domain": one.domain,
        "source": one.source,
        "section": chunk.section,
        "position": chunk.position,
        "text": chunk.text,
        "manual": one.id,
        "source_hash": one.hash,
        "status": "retired" if retired else one.status,
        "why": retired or one.why,
    }


def lesson_text(one: Reflection) -> str:
    """A lesson for a person."""
    lines = [
        heading(f"{one.id}  {one.specialist}  {one.scope or 'everywhere'}  {one.kind}"),
        visible(one.text),
        status_line(one.status, one.why),
        f"helped {one.helpful} times, did harm {one.harmful} times; confirmed {moment(one.confirmed_at)}",
    ]
    for evidence in one.evidence:
        receipt = f", receipt {inline(evidence.receipt)}" if evidence.receipt else ""
        lines.append(f"taught by run {inline(evidence.run)}{receipt}")
    return "\n".join(lines)


def status_line(status: str, why: str) -> str:
    """How it stands, and why."""
    return f"status: {status}" + (f" ({inline(why)})" if why else "")


def moment(at: float) -> str:
    """A time as people write it, in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _manual(shelf: Shelf, one: Document) -> Reply:
    retired = shelf.retired_passages()
    passages = [(id, chunk) for id, chunk in shelf.passages(one)]
    rows = [
        {"id": id, "section": chunk.section, "characters": len(chunk.text), "retired": retired.get(id)}
        for id, chunk in passages
    ]
    lines = [
        heading(f"{one.id}  {one.domain}  {inline(one.title)}"),
        inline(one.source),
        status_line(one.status, one.why),
        f"sha256 {one.hash}, {one.size_bytes:,} bytes, read by {one.reader}, taken in {moment(one.at)}",
        *(f"{id}  {inline(chunk.section)}{'  (retired)' if id in retired else ''}" for id, chunk in passages),
    ]
    return Reply(Status.DONE, {"record": "manual", **asdict(one), "passages": rows}, "\n".join(lines))


def _passage_text(one: Json) -> str:
    status = status_line(one["status"], one["why"])
    title = heading(f"{one['id']}  {one['domain']}  {inline(one['section'])}")
    where = f"{inline(one['source'])}  (manual {one['manual']}, sha256 {one['source_hash'][:12]}…)"
    return "\n".join([title, where, status, visible(one["text"])])
