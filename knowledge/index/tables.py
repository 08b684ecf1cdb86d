"""The derived tables of an index: documents, passages, their words (SQLite FTS5) and how far the journal was read.

One file beside the vectors. Everything in it follows from the journal, so losing it loses nothing. Whoever writes holds
the index's lock; `Damaged` says that the file cannot be trusted any more.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opswright.errors import StoreFailed
from opswright.knowledge.ingest.blocks import Chunk
from opswright.knowledge.manuals import Document, passage_id
from opswright.knowledge.sqlite_errors import advice
from opswright.knowledge.terms import index_terms, terms_version

VERSION = "1"
BUSY_S = 60.0
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, at REAL, domain TEXT, source TEXT, title TEXT, hash TEXT, reader TEXT,
    chunks INTEGER, size_bytes INTEGER, status TEXT, why TEXT
);
CREATE INDEX documents_by_source ON documents (domain, source, seq);
CREATE INDEX documents_by_content ON documents (domain, hash, reader);
CREATE TABLE passages (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, domain TEXT, content TEXT, position INTEGER, section TEXT, title TEXT,
    text TEXT, source TEXT, live INTEGER, why TEXT
);
CREATE INDEX passages_by_content ON passages (domain, content);
CREATE TABLE spaces (
    domain TEXT PRIMARY KEY, collection TEXT, embedder TEXT, dimensions INTEGER, state BLOB, fitted_on INTEGER
) WITHOUT ROWID;
"""
_DOCUMENT = "seq, id, at, domain, source, title, hash, reader, chunks, size_bytes, status, why"
_FOUND = "number, id, domain, source, section, title, text"


class Damaged(Exception):
    """The index cannot be read any more; it is made again from the journal."""


@dataclass(frozen=True)
class Found:
    """A passage as the index keeps it."""

    number: int
    id: str
    domain: str
    source: str
    section: str
    title: str
    text: str

    @property
    def indexed(self) -> str:
        """What its words and its vector are made of."""
        return "\n".join(part for part in (self.title, self.section, self.text) if part)


@dataclass(frozen=True)
class Space:
    """The vectors of a domain: the collection they are in, and what they were made with."""

    domain: str
    collection: str
    embedder: str
    dimensions: int
    state: bytes
    fitted_on: int  # the weights were taken from the first so many passages of the domain


class Tables:
    """One connection; used by one thread at a time. Raises Damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inherited: tuple[sqlite3.Connection | None, ...] = ()  # kept, or the collector would close them
        self._file: tuple[int, int] | None = None

    def close(self) -> None:
        """Lets go of the file."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def forget(self) -> None:
        """Leaves the connection alone: it belongs to the process that this one was forked from."""
        self._inherited, self._connection = (*self._inherited, self._connection), None

    def check(self) -> None:
        """Opens the file again where it is not the one that is open: another process made the index anew."""
        try:
            status = self._path.stat()
            now = (status.st_dev, status.st_ino)
        except FileNotFoundError:
            now = None
        if now != self._file:
            self.close()

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction: all of what is done within, or nothing."""
        connection = self._open()
        with _damage():
            connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            with _damage():
                connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def meta(self, name: str) -> str | None:
        """A value by name."""
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def set_meta(self, **values: object) -> None:
        """Keeps values by name."""
        for name, value in values.items():
            self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, str(value)))

    # Documents.

    def add_document(self, one: Document) -> set[str]:
        """Takes a version of a manual in; what its source said before is superseded. The contents it touches."""
        touched = {one.content}
        for old in self._documents("domain = ? AND source = ? AND status = 'current'", (one.domain, one.source)):
            self._run("UPDATE documents SET status = 'superseded', why = ? WHERE seq = ?", (f"by {one.id}", old.seq))
            touched.add(old.content)
        self._run(
            f"INSERT INTO documents ({_DOCUMENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (one.seq, one.id, one.at, one.domain, one.source, one.title, one.hash, one.reader, one.chunks,
             one.size_bytes, one.status, one.why),
        )  # fmt: skip
        return touched

    def retire_document(self, id: str, why: str) -> Document | None:
        """Takes a manual out of use; the document as it was."""
        found = self._documents("id = ?", (id,))
        self._run("UPDATE documents SET status = 'retired', why = ? WHERE id = ?", (why, id))
        return found[0] if found else None

    def latest(self, domain: str, source: str) -> Document | None:
        """The newest version of what a source says."""
        found = self._documents("domain = ? AND source = ? ORDER BY seq DESC LIMIT 1", (domain, source))
        return found[0] if found else None

    # Passages.

    def add_passages(self, one: Document, chunks: Sequence[Chunk]) -> None:
        """Keeps the passages of a content that was not there before in this domain; none of them is live yet."""
        rows = (
            (passage_id(one.domain, one.content, chunk.position), one.domain, one.content, chunk.position,
             chunk.section, one.title, chunk.text, one.source)
            for chunk in chunks
        )  # fmt: skip
        with _damage():
            self._open().executemany(
                "INSERT OR IGNORE INTO passages (id, domain, content, position, section, title, text, source, "
                "live, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, '')",
                rows,
            )

    def has_content(self, domain: str, content: str) -> bool:
        """Whether the passages of a content are there."""
        return bool(self._rows("SELECT 1 FROM passages WHERE domain = ? AND content = ? LIMIT 1", (domain, content)))

    def retire_passage(self, id: str, why: str) -> tuple[str, str] | None:
        """Takes one passage out of use; its domain and content."""
        self._run("UPDATE passages SET why = ? WHERE id = ?", (why, id))
        rows = self._rows("SELECT domain, content FROM passages WHERE id = ?", (id,))
        return (str(rows[0][0]), str(rows[0][1])) if rows else None

    def settle(self, domain: str, content: str) -> tuple[list[Found], list[Found]]:
        """Makes the passages of a content live or not, as its documents say: those that are, those that are not."""
        hash, _, reader = content.partition("/")
        current = self._rows(
            "SELECT source FROM documents WHERE domain = ? AND hash = ? AND reader = ? AND status = 'current' "
            "ORDER BY seq LIMIT 1",
            (domain, hash, reader),
        )
        mine = "domain = ? AND content = ?"
        old = self._found(f"{mine} AND live = 1", (domain, content))
        if current:
            self._run(f"UPDATE passages SET source = ? WHERE {mine}", (current[0][0], domain, content))
        live = int(bool(current))
        self._run(
            f"UPDATE passages SET live = CASE WHEN why = '' THEN ? ELSE 0 END WHERE {mine}", (live, domain, content)
        )
        alive = self._found(f"{mine} AND live = 1", (domain, content))
        dead = self._found(f"{mine} AND live = 0", (domain, content))
        self._words_forget(domain, old)
        self._words_learn(domain, alive)
        return alive, dead

    def passages(self, domain: str, ids: Sequence[str]) -> dict[str, Found]:
        """Live passages by id."""
        marks = ", ".join("?" * len(ids))
        rows = self._found(f"domain = ? AND live = 1 AND id IN ({marks})", (domain, *ids))
        return {one.id: one for one in rows}

    def live_ids(self, domain: str) -> list[str]:
        """The ids of all live passages of a domain."""
        return [row[0] for row in self._rows("SELECT id FROM passages WHERE domain = ? AND live = 1", (domain,))]

    def live(self, domain: str) -> Iterator[Found]:
        """All live passages of a domain, in the order they came."""
        yield from self._paged("domain = ? AND live = 1", domain, None)

    def first(self, domain: str, most: int) -> Iterator[Found]:
        """The first passages of a domain, live or not: what weights are taken from."""
        yield from self._paged("domain = ?", domain, most)

    def count(self, domain: str) -> tuple[int, int]:
        """How many passages a domain has: in all, and live."""
        row = self._rows("SELECT count(*), coalesce(sum(live), 0) FROM passages WHERE domain = ?", (domain,))[0]
        return int(row[0]), int(row[1])

    def domains(self) -> list[str]:
        """The domains that have passages."""
        return [row[0] for row in self._rows("SELECT DISTINCT domain FROM passages ORDER BY domain")]

    # Words.

    def by_words(self, domain: str, words: Sequence[str], most: int) -> list[str]:
        """Ids of live passages by BM25, the best first; equal ones by id."""
        if not words or not self._rows("SELECT 1 FROM sqlite_master WHERE name = ?", (_words(domain),)):
            return []
        query = " OR ".join(f'"{word}"' for word in words)
        table = f'"{_words(domain)}"'
        rows = self._rows(
            f"SELECT p.id, bm25({table}) AS score FROM {table} w JOIN passages p ON p.number = w.rowid "
            f"WHERE {table} MATCH ? ORDER BY score, p.id LIMIT ?",
            (query, most),
        )
        return [row[0] for row in rows]

    def _words_learn(self, domain: str, passages: Iterable[Found]) -> None:
        table = f'"{_words(domain)}"'
        self._run(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {table} USING fts5(words, content='', "
            "tokenize=\"porter unicode61 remove_diacritics 2 tokenchars '_'\")"
        )
        rows = ((one.number, " ".join(index_terms(one.indexed))) for one in passages)
        with _damage():
            self._open().executemany(f"INSERT INTO {table} (rowid, words) VALUES (?, ?)", rows)

    def _words_forget(self, domain: str, passages: Sequence[Found]) -> None:
        if not passages:
            return
        table = f'"{_words(domain)}"'
        rows = ((one.number, " ".join(index_terms(one.indexed))) for one in passages)
        with _damage():
            self._open().executemany(f"INSERT INTO {table} ({table}, rowid, words) VALUES ('delete', ?, ?)", rows)

    # Spaces.

    def space(self, domain: str) -> Space | None:
        """How the vectors of a domain were made."""
        rows = self._rows(
            "SELECT domain, collection, embedder, dimensions, state, fitted_on FROM spaces WHERE domain = ?", (domain,)
        )
        return Space(*rows[0]) if rows else None

    def spaces(self) -> list[Space]:
        """Every domain's."""
        return [space for domain in self._rows("SELECT domain FROM spaces") if (space := self.space(domain[0]))]

    def set_space(self, one: Space) -> None:
        """Keeps how the vectors of a domain were made."""
        self._run(
            "INSERT OR REPLACE INTO spaces VALUES (?, ?, ?, ?, ?, ?)",
            (one.domain, one.collection, one.embedder, one.dimensions, one.state, one.fitted_on),
        )

    def _paged(self, where: str, domain: str, most: int | None) -> Iterator[Found]:
        after, left = 0, most if most is not None else 2**62
        while left > 0:
            page = self._found(f"{where} AND number > ? ORDER BY number LIMIT ?", (domain, after, min(left, 512)))
            if not page:
                return
            yield from page
            after, left = page[-1].number, left - len(page)

    def _found(self, where: str, values: tuple[object, ...]) -> list[Found]:
        return [Found(*row) for row in self._rows(f"SELECT {_FOUND} FROM passages WHERE {where}", values)]

    def _documents(self, where: str, values: tuple[object, ...]) -> list[Document]:
        rows = self._rows(f"SELECT {_DOCUMENT} FROM documents WHERE {where}", values)
        names = _DOCUMENT.split(", ")
        return [Document(**dict(zip(names, row, strict=True))) for row in rows]

    def all_documents(self) -> list[Document]:
        """Every version of every manual, oldest first."""
        return self._documents("1 ORDER BY seq", ())

    def _run(self, statement: str, values: Sequence[object] = ()) -> None:
        with _damage():
            self._open().execute(statement, values)

    def _rows(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with _damage():
            return self._open().execute(statement, values).fetchall()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            with _damage():
                connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
                try:
                    _prepare(connection)
                except BaseException:
                    connection.close()
                    raise
            status = self._path.stat()
            self._connection, self._file = connection, (status.st_dev, status.st_ino)
        return self._connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'spaces'").fetchone():
        connection.execute("BEGIN IMMEDIATE")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'spaces'").fetchone():
            for statement in SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute("INSERT INTO meta VALUES ('version', ?)", (_version(),))
        connection.execute("COMMIT")
    version = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    if version is None or version[0] != _version():
        raise Damaged("it is of another version of this program")


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, sqlite3.InterfaceError) as error:
        message = str(error)
        refused = ("locked", "full", "disk I/O", "readonly", "unable to open")
        if isinstance(error, sqlite3.OperationalError) and any(word in message for word in refused):
            raise StoreFailed(advice(message, "index", BUSY_S)) from error
        raise Damaged(message) from error


def _version() -> str:
    return f"{VERSION}/{terms_version()}"


def _words(domain: str) -> str:
    return f"words_{domain}"
