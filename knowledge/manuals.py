"""Manuals as events in the journal: which were taken in, what superseded them, what a person retired.

Two kinds of record. `manual-text` holds chunks, under the hash of the file they were read from and the reader's
version: the same text is kept once, whatever the places it is found at. `manual` says that from now on this is what a
source of a domain says, or that a person took it out of use. Nothing is ever changed or deleted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from opswright.errors import InputError
from opswright.knowledge.ingest.blocks import Chunk
from opswright.knowledge.ingest.reading import Reading
from opswright.knowledge.journal import Entry, Journal
from opswright.nouns import Json, digest

KIND, TEXT_KIND = "manual", "manual-text"
PART_CHARACTERS = 200_000  # of text in one record, so that reading the journal takes little memory
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")

Status = Literal["current", "superseded", "retired"]


@dataclass(frozen=True)
class Document:
    """One version of a manual. `id` names it in commands; `seq` is its record in the journal."""

    id: str
    seq: int
    at: float
    domain: str
    source: str
    title: str
    hash: str
    reader: str
    chunks: int
    size_bytes: int
    status: Status = "current"
    why: str = ""

    @property
    def content(self) -> str:
        """What its chunks are kept under."""
        return content_of(self.hash, self.reader)


def checked_domain(name: str) -> str:
    """The name. Raises InputError where it cannot be a domain's."""
    if not _DOMAIN.fullmatch(name):
        raise InputError(
            "a domain is 1 to 32 lower-case letters, digits, - and _, and begins and ends with a letter or digit", name
        )
    return name


def content_of(hash: str, reader: str) -> str:
    """The key of a text: the bytes it was read from, and by what."""
    return f"{hash}/{reader}"


def passage_id(domain: str, content: str, position: int) -> str:
    """The id of a chunk; the same whenever and wherever the same file is taken in."""
    return digest([domain, content, position])[:16]


def entries(reading: Reading, domain: str, replaces: int) -> list[Entry]:
    """What to append for a manual; `replaces` is the record of what the source said so far, or 0.

    The key holds it, so that of several processes that take in the same file at once only one writes.
    """
    content = content_of(reading.hash, reading.reader)
    parts = list(_parts(reading.chunks))
    texts = [
        Entry(TEXT_KIND, {"content": content, "part": number, "chunks": [asdict(chunk) for chunk in part]},
              key=f"{TEXT_KIND}:{content}:{number}")
        for number, part in enumerate(parts)
    ]  # fmt: skip
    event = {
        "event": "taken in",
        "id": digest([domain, reading.source, content, replaces])[:16],
        "domain": domain,
        "source": reading.source,
        "title": reading.title,
        "hash": reading.hash,
        "reader": reading.reader,
        "chunks": len(reading.chunks),
        "parts": len(parts),
        "size_bytes": reading.size_bytes,
    }
    return [*texts, Entry(KIND, event, key=f"{KIND}:{domain}:{digest(reading.source)}:{content}:{replaces}")]


def retirement(id: str, what: Literal["document", "passage"], why: str) -> Entry:
    """What to append when a person takes a manual, or a passage of one, out of use."""
    return Entry(KIND, {"event": "retired", "what": what, "id": id, "why": why}, key=f"{KIND}-retired:{id}")


def document(seq: int, at: float, event: Mapping[str, Json]) -> Document:
    """The document of a `taken in` event."""
    names = ("id", "domain", "source", "title", "hash", "reader", "chunks", "size_bytes")
    return Document(seq=seq, at=at, **{name: event[name] for name in names})


def chunks_of(journal: Journal, event: Mapping[str, Json]) -> list[Chunk]:
    """The chunks of a `taken in` event."""
    content = content_of(event["hash"], event["reader"])
    found: list[Chunk] = []
    for number in range(event["parts"]):
        record = journal.find(f"{TEXT_KIND}:{content}:{number}")
        assert record is not None, "a manual and its text are appended together"
        found += [Chunk(**one) for one in record.payload["chunks"]]
    return found


def _parts(chunks: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    part: list[Chunk] = []
    size = 0
    for chunk in chunks:
        if part and size + len(chunk.text) > PART_CHARACTERS:
            yield part
            part, size = [], 0
        part.append(chunk)
        size += len(chunk.text)
    if part:
        yield part
