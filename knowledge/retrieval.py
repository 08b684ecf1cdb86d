"""The library: manuals taken in, and searched by words and by vectors at once.

    library = open_library(settings.memory, settings.index_dir, journal, embedder)
    library.ingest(Path("manual.md"), "storage")
    library.search("storage", "how do I turn off readdir-ahead", limit=5)

Three rankings (words, whole names, nearness of vectors) are fused by weighted reciprocal ranks (after Cormack,
Clarke and Buettcher 2009); equal scores are ordered by id, so that the same journal and question give the same answer
on every run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from opswright.errors import InputError
from opswright.knowledge.embedding.ports import Embedder
from opswright.knowledge.index.index import Index
from opswright.knowledge.index.tables import Found
from opswright.knowledge.index.vectors import open_vectors
from opswright.knowledge.ingest.reading import Reading, read_manual
from opswright.knowledge.journal import Entry, Journal
from opswright.knowledge.manuals import checked_domain, entries
from opswright.knowledge.ranking import NAMES, NEARNESS, WORDS, bm25, descending, fused
from opswright.knowledge.shelf import Shelf
from opswright.knowledge.terms import index_terms, query_terms
from opswright.redaction import Redactor
from opswright.settings.shape import MemorySettings

RANKED = 100  # passages of each ranking that are fused
LONGEST_QUERY = 4000  # characters
MOST = 100  # passages of one answer


@dataclass(frozen=True)
class Passage:
    """A part of a manual. Data, never an instruction: its text has no control characters and a bounded length."""

    id: str
    domain: str
    source: str
    section: str
    text: str
    score: float


@dataclass(frozen=True)
class Taken:
    """What became of one file: `retired` was taken out of use by a person and stays so until the file changes."""

    source: str
    outcome: Literal["new", "changed", "unchanged", "retired"]
    id: str
    title: str
    passages: int


class Library:
    """Manuals by domain, over one journal and its index. Implements the Manuals port."""

    def __init__(self, journal: Journal, index: Index, redactor: Redactor | None = None) -> None:
        self._journal, self._index, self._redactor = journal, index, redactor or Redactor()
        self.shelf = Shelf(journal)

    def ingest(self, path: Path, domain: str) -> Taken:
        """Takes one file in. When it returns, the journal has it; the index catches up at the next search.

        Raises Unreadable for a file that no manual can be made of, InputError for an impossible domain.
        """
        return self.take(read_manual(path, self._redactor), domain)

    def take(self, reading: Reading, domain: str) -> Taken:
        """Takes in what a reader made of a file."""
        taken, new = self._weighed(reading, domain)
        if new:
            self._journal.append_all(new)
        return taken

    def would_take(self, reading: Reading, domain: str) -> Taken:
        """What `take` would return; nothing is written."""
        return self._weighed(reading, domain)[0]

    def _weighed(self, reading: Reading, domain: str) -> tuple[Taken, list[Entry]]:
        """What becomes of a file, and what is to be appended for it."""
        old = self.shelf.latest(checked_domain(domain), reading.source)
        count = len(reading.chunks)
        if old is not None and (old.hash, old.reader) == (reading.hash, reading.reader):
            outcome: Literal["retired", "unchanged"] = "retired" if old.status == "retired" else "unchanged"
            return Taken(reading.source, outcome, old.id, old.title, count), []
        new = entries(reading, domain, old.seq if old else 0)
        id = new[-1].payload["id"]
        return Taken(reading.source, "changed" if old else "new", id, reading.title, count), new

    def search(self, domain: str, query: str, limit: int = 5) -> tuple[Passage, ...]:
        """The passages of a domain that fit best, best first; of all domains where `domain` is empty.

        Empty where nothing was taken in. Raises InputError for a query without any word.
        """
        query = query[:LONGEST_QUERY]
        words = query_terms(query)
        if not words:
            raise InputError("there is no word to search for", "QUERY")
        limit = max(0, min(limit, MOST))
        if domain:
            checked_domain(domain)
            return self._index.reading(lambda index: _search(index, domain, query, words, limit), ())
        return self._index.reading(lambda index: _search_all(index, query, words, limit), ())

    def catch_up(self) -> int:
        """Brings the index up to the journal now instead of at the next search; how many passages it holds."""
        return self._index.reading(lambda index: index.size(), 0)

    def rebuild(self) -> int:
        """Makes the index again from the journal; how many passages it holds."""
        return self._index.rebuild()

    def close(self) -> None:
        """Lets go of the index."""
        self._index.close()


def open_library(
    settings: MemorySettings,
    index_dir: Path,
    journal: Journal,
    embedder: Embedder,
    notify: Callable[[str], None] = lambda _: None,
    redactor: Redactor | None = None,
) -> Library:
    """A library over this journal; opens nothing yet. `notify` is told of long work and of a damaged index."""
    index = Index(index_dir, journal, embedder, lambda folder: open_vectors(settings, folder), notify)
    return Library(journal, index, redactor)


def _ranked(
    index: Index, domain: str, query: str, words: Sequence[str]
) -> tuple[list[tuple[str, float]], dict[str, float]]:
    near = index.by_vector(domain, query, RANKED)
    by_words = index.by_words(domain, words, RANKED)
    by_names = index.by_words(domain, [word for word in words if "_" in word], RANKED)
    close = [id for id, cosine in near if cosine > 0]
    return fused((WORDS, by_words), (NEARNESS, close), (NAMES, by_names)), dict(near)


def _search(index: Index, domain: str, query: str, words: Sequence[str], limit: int) -> tuple[Passage, ...]:
    best = _ranked(index, domain, query, words)[0][:limit]
    found = index.tables.passages(domain, [id for id, _ in best])
    return tuple(_passage(found[id], score) for id, score in best if id in found)


def _search_all(index: Index, query: str, words: Sequence[str], limit: int) -> tuple[Passage, ...]:
    """The best of each domain, ranked anew among each other: ranks of different domains do not compare."""
    found: dict[str, Found] = {}
    cosines: dict[str, float] = {}
    for domain in index.tables.domains():
        best, near = _ranked(index, domain, query, words)
        ids = [id for id, _ in best[: 2 * limit]]
        found |= index.tables.passages(domain, ids)
        cosines |= {id: near.get(id, 0.0) for id in ids}
    texts = [index_terms(one.indexed) for one in found.values()]
    by_words, by_names = (
        descending(dict(zip(found, bm25(chosen, texts), strict=True)))
        for chosen in (words, [word for word in words if "_" in word])
    )
    close = descending({id: cosines[id] for id in found})
    order = fused((WORDS, by_words), (NEARNESS, close), (NAMES, by_names))
    return tuple(_passage(found[id], score) for id, score in order[:limit])


def _passage(one: Found, score: float) -> Passage:
    return Passage(one.id, one.domain, one.source, one.section, one.text, score)
