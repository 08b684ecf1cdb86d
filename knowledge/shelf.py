"""Every manual as the journal has it now: needs no index, and none of the libraries that an index needs."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from opswright.knowledge.ingest.blocks import Chunk
from opswright.knowledge.journal import Journal, Record
from opswright.knowledge.manuals import KIND, Document, chunks_of, document, passage_id


@dataclass
class Standing:
    """What the events of the journal add up to."""

    documents: dict[str, Document] = field(default_factory=dict)  # by id, oldest first
    latest: dict[tuple[str, str], str] = field(default_factory=dict)  # id by (domain, source)
    retired: dict[str, str] = field(default_factory=dict)  # why, by passage id

    def apply(self, records: Iterable[Record]) -> int:
        """Takes further events in, in their order; the number of the last."""
        last = 0
        for record in records:
            last = record.seq
            event = record.payload
            if event["event"] == "taken in":
                self._taken_in(document(record.seq, record.at, event))
            elif event["what"] == "passage":
                self.retired[event["id"]] = event["why"]
            elif (old := self.documents.get(event["id"])) is not None:
                self.documents[old.id] = replace(old, status="retired", why=event["why"])
        return last

    def _taken_in(self, new: Document) -> None:
        place = (new.domain, new.source)
        old = self.documents.get(self.latest.get(place, ""))
        if old is not None and old.status == "current":
            self.documents[old.id] = replace(old, status="superseded", why=f"by {new.id}")
        self.documents[new.id] = new
        self.latest[place] = new.id


class Shelf:
    """The manuals of a journal; each look reads only what the journal got since the last one."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._position = 0
        self._standing = Standing()
        self._lock = threading.Lock()

    def documents(self) -> tuple[Document, ...]:
        """Every version of every manual, oldest first."""
        return tuple(self._now().documents.values())

    def latest(self, domain: str, source: str) -> Document | None:
        """The newest version of what a source says."""
        now = self._now()
        return now.documents.get(now.latest.get((domain, source), ""))

    def retired_passages(self) -> dict[str, str]:
        """Why, by the ids of passages that a person took out of use."""
        return dict(self._now().retired)

    def chunks(self, one: Document) -> list[Chunk]:
        """The text of a manual."""
        record = self._journal.get(one.seq)
        return [] if record is None else chunks_of(self._journal, record.payload)

    def passage(self, id: str) -> tuple[Document, Chunk] | None:
        """A passage by its id, of any version; in the newest document that has it."""
        for one in reversed(self.documents()):
            for position in range(one.chunks):
                if passage_id(one.domain, one.content, position) == id:
                    return one, self.chunks(one)[position]
        return None

    def passages(self, one: Document) -> Iterator[tuple[str, Chunk]]:
        """The passages of a manual with their ids."""
        for chunk in self.chunks(one):
            yield passage_id(one.domain, one.content, chunk.position), chunk

    def _now(self) -> Standing:
        with self._lock:
            self._position = self._standing.apply(self._journal.read(KIND, after=self._position)) or self._position
            return self._standing
