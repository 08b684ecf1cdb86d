"""Taking something out of use, and writing everything out."""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from opswright.cli.memory.command import open_journal
from opswright.cli.memory.showing import lesson_json, no_such, passage_json
from opswright.console import Options, Reply, Status, inline
from opswright.errors import InputError, StoreFailed
from opswright.knowledge.journal import Journal
from opswright.knowledge.manuals import retirement
from opswright.knowledge.reflections import Reflections
from opswright.knowledge.shelf import Shelf
from opswright.nouns import Json
from opswright.redaction import Redactor

FORM = "opswright/memory/1"
LONGEST_REASON = 500


def retired(options: Options, id: str, why: str) -> Reply:
    """`memory retire`. Retiring what is retired already changes nothing."""
    journal = open_journal(options)
    shelf, reflections = Shelf(journal), Reflections(journal)
    why = Redactor().text(" ".join(why.split())[:LONGEST_REASON]) or "a person said so"
    if any(one.id == id for one in shelf.documents()):
        kind = "manual"
        entry = retirement(id, "document", why)
    elif any(one.id == id for one in reflections.all()):
        kind = "lesson"
    elif shelf.passage(id) is not None:
        kind = "passage"
        entry = retirement(id, "passage", why)
    else:
        raise no_such(id)
    if not options.dry_run:
        if kind == "lesson":
            reflections.retire(id, why)
        else:
            journal.append_all([entry])
    said = f"{'would retire' if options.dry_run else 'retired'} {kind} {inline(id)}: {inline(why)}"
    return Reply(Status.DONE, {"id": id, "record": kind, "why": why, "dry_run": options.dry_run}, said)


def exported(options: Options, file: Path) -> Reply:
    """`memory export`."""
    journal = open_journal(options)
    if options.dry_run:
        lines = sum(1 for _ in everything(journal))
        return Reply(
            Status.DONE, {"file": str(file), "lines": lines}, f"would write {lines:,} lines to {inline(str(file))}"
        )
    lines = _write_new(file, everything(journal))
    return Reply(Status.DONE, {"file": str(file), "lines": lines}, f"wrote {lines:,} lines to {inline(str(file))}")


def everything(journal: Journal) -> Iterator[dict[str, Json]]:
    """Every manual, passage and lesson, whatever its status."""
    shelf = Shelf(journal)
    gone = shelf.retired_passages()
    for one in shelf.documents():
        yield {"form": FORM, "record": "manual", **asdict(one)}
        for id, chunk in shelf.passages(one):
            yield {"form": FORM, "record": "passage", **passage_json(one, chunk, gone.get(id, ""))}
    for lesson in Reflections(journal).all():
        yield {"form": FORM, "record": "lesson", **lesson_json(lesson)}


def _write_new(path: Path, rows: Iterator[dict[str, Json]]) -> int:
    """Writes a file that was not there before, whole or not at all; how many lines."""
    if path.exists() or path.is_symlink():
        raise InputError("exists already; name another file", str(path))
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as error:
        raise InputError("the folder does not exist", str(path)) from error
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error
    count = 0
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            for row in rows:
                file.write(json.dumps(row, allow_nan=False) + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # refuses, unlike a rename, where somebody made the file meanwhile
    except FileExistsError as error:
        raise InputError("exists already; name another file", str(path)) from error
    except OSError as error:
        raise StoreFailed(f"{path}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
    return count
