"""The append-only journal: one SQLite file that says what was tried, done, approved and undone.

A record that `append` returned from survives the death of the process and a power cut (WAL, synchronous=FULL). Several
processes may write at once. Records are never changed or deleted: triggers refuse it, INSERT OR REPLACE included.
"""

import contextlib
import heapq
import json
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opswright.errors import StoreFailed
from opswright.knowledge.sqlite_errors import advice
from opswright.nouns import Json

APPLICATION_ID = 0x6F70776A  # "opwj", so that another program's database is never taken for a journal
SCHEMA_VERSION = 1
PAGE = 256  # records fetched at a time by `read`

# RAISE in the BEFORE INSERT trigger stops INSERT OR REPLACE, whose implicit delete fires no delete trigger.
SCHEMA = """
CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    run TEXT NOT NULL,
    task TEXT NOT NULL,
    key TEXT UNIQUE,
    payload TEXT NOT NULL
);
CREATE INDEX records_by_kind ON records (kind, seq);
CREATE INDEX records_by_run ON records (run, task, seq);
CREATE INDEX records_by_run_and_kind ON records (run, kind, seq);
CREATE TRIGGER records_no_update BEFORE UPDATE ON records BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER records_no_delete BEFORE DELETE ON records BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER records_no_replace BEFORE INSERT ON records
WHEN EXISTS (SELECT 1 FROM records WHERE seq = NEW.seq OR key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""
# An index that journals of this version made by earlier programs do not have; those programs do not mind it.
ADDED_INDEX = next(line for line in SCHEMA.splitlines() if "records_by_run_and_kind" in line)


@dataclass(frozen=True)
class Entry:
    """What is to be appended; fields as in Record."""

    kind: str
    payload: Json
    key: str | None = None
    run: str = ""
    task: str = ""


@dataclass(frozen=True)
class Record:
    """One entry. `at` is seconds since the epoch; `key` is unique where there is one."""

    seq: int
    at: float
    kind: str
    run: str
    task: str
    key: str | None
    payload: Json


@dataclass(frozen=True)
class Head:
    """A record without its payload."""

    seq: int
    at: float
    kind: str
    run: str
    task: str
    key: str | None


class Journal:
    """Appends to and reads one journal file, made with mode 0600 on first use.

    May be shared by threads; a fork opens its own connection. Raises StoreFailed with one line when the file is
    locked for longer than `timeout_s`, cannot be written, has no room, or is not a journal of this version.
    """

    def __init__(self, path: Path, timeout_s: float = 10.0, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._clock = clock
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0

    def append(self, kind: str, payload: Json, *, run: str = "", task: str = "", key: str | None = None) -> int:
        """The sequence number of the record; with a key that is there already, the first record's, unchanged."""
        return self._insert(kind, payload, run, task, key)[0]

    def claim(self, kind: str, payload: Json, *, key: str, run: str = "", task: str = "") -> bool:
        """Appends under `key`; True for the one caller, of all processes, whose record it is."""
        return self._insert(kind, payload, run, task, key)[1]

    def append_all(self, entries: Sequence[Entry]) -> tuple[int, ...]:
        """Appends all of them or, when the process dies, none; each as `append` would. Their sequence numbers."""
        return tuple(seq for seq, _ in self._insert_all(entries))

    def last(self, kind: str) -> int:
        """The sequence number of the newest record of a kind; 0 where there is none."""
        with self._lock, self._plain_errors():
            if not self.path.exists():
                return 0
            row = self._open().execute("SELECT max(seq) FROM records WHERE kind = ?", (kind,)).fetchone()
            return int(row[0] or 0)

    def find(self, key: str) -> Record | None:
        """The record with this key."""
        rows = self._select("key = ?", (key,))
        return rows[0] if rows else None

    def get(self, seq: int) -> Record | None:
        """The record with this sequence number; none for a number that SQLite could not hold."""
        if not 0 < seq < 2**63:
            return None
        rows = self._select("seq = ?", (seq,))
        return rows[0] if rows else None

    def read(
        self, kind: str | None = None, run: str | None = None, task: str | None = None, after: int = 0
    ) -> Iterator[Record]:
        """Matching records after `after`, oldest first, a page at a time: no read transaction stays open between."""
        wanted = {"kind": kind, "run": run, "task": task}
        named = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join([f"{name} = ?" for name in named] + ["seq > ?"])
        # A run's records of a kind are found by both: SQLite would go through all of that kind, or all of the run.
        index = "" if not run else "INDEXED BY records_by_run" + ("_and_kind" if kind is not None else "")
        while page := self._select(f"{where} ORDER BY seq LIMIT {PAGE}", (*named.values(), after), index):
            yield from page
            after = page[-1].seq

    def read_kinds(self, kinds: Sequence[str], run: str, task: str | None = None) -> Iterator[Record]:
        """A run's records of several kinds, oldest first; the payloads of its others are not looked at."""
        return heapq.merge(*(self.read(kind, run, task) for kind in kinds), key=lambda record: record.seq)

    def read_below(self, prefix: str, run: str, task: str) -> list[Record]:
        """A task's records of the kinds `prefix/...`, oldest first: few, for they come in one page."""
        where = "run = ? AND kind >= ? AND kind < ? AND task = ? ORDER BY seq"
        bounds = (run, f"{prefix}/", f"{prefix}0", task)  # 0 is what comes after the slash
        return self._select(where, bounds, "INDEXED BY records_by_run_and_kind")

    def read_without(self, kind: str, prefix: str, closing: Sequence[str]) -> list[Record]:
        """Records of a kind with the key `prefix:NAME` that have no record `CLOSING:NAME` for any of `closing`.

        The payloads of the others are not looked at, however many there are.
        """
        answered = " ".join(
            f"AND NOT EXISTS (SELECT 1 FROM records WHERE key = ? || substr(begun.key, {len(prefix) + 1}))"
            for _ in closing
        )
        return self._select(
            f"kind = ? {answered} ORDER BY seq", (kind, *closing), "AS begun INDEXED BY records_by_kind"
        )

    def newest(self, kind: str, before: int | None = None) -> Iterator[Head]:
        """Records of a kind, newest first, without their payloads: however big the journal is, only those asked for."""
        last = 2**63 - 1 if before is None else before
        while page := self._heads(kind, last):
            yield from page
            last = page[-1].seq

    def close(self) -> None:
        """Lets go of the file; the next use opens it again."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _insert(self, kind: str, payload: Json, run: str, task: str, key: str | None) -> tuple[int, bool]:
        return self._insert_all([Entry(kind, payload, key, run, task)])[0]

    def _insert_all(self, entries: Sequence[Entry]) -> list[tuple[int, bool]]:
        # ASCII escapes: a lone surrogate in what a model or a file said must not make the record unwritable.
        texts = [json.dumps(one.payload, sort_keys=True, separators=(",", ":"), allow_nan=False) for one in entries]
        with self._lock, self._plain_errors():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = [self._insert_one(connection, *pair) for pair in zip(entries, texts, strict=True)]
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    with contextlib.suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                raise
            return done

    def _insert_one(self, connection: sqlite3.Connection, entry: Entry, text: str) -> tuple[int, bool]:
        if entry.key is not None:
            row = connection.execute("SELECT seq FROM records WHERE key = ?", (entry.key,)).fetchone()
            if row is not None:
                return int(row[0]), False
        cursor = connection.execute(
            "INSERT INTO records (at, kind, run, task, key, payload) VALUES (?, ?, ?, ?, ?, ?)",
            (self._clock(), entry.kind, entry.run, entry.task, entry.key, text),
        )
        return int(cursor.lastrowid or 0), True

    def _select(self, where: str, values: tuple[object, ...], index: str = "") -> list[Record]:
        with self._lock, self._plain_errors():
            if not self.path.exists():  # nothing was ever written: reading makes no file
                return []
            rows = self._open().execute(
                f"SELECT seq, at, kind, run, task, key, payload FROM records {index} WHERE {where}", values
            )
            found = rows.fetchall()
        try:
            return [_record(row) for row in found]
        except (ValueError, RecursionError) as error:
            raise StoreFailed(f"{self.path}: the journal is damaged (a record is not JSON); move it away") from error

    def _heads(self, kind: str, before: int) -> list[Head]:
        with self._lock, self._plain_errors():
            if not self.path.exists():
                return []
            rows = self._open().execute(
                "SELECT seq, at, kind, run, task, key FROM records INDEXED BY records_by_kind "
                f"WHERE kind = ? AND seq < ? ORDER BY seq DESC LIMIT {PAGE}",
                (kind, before),
            )
            return [Head(*row) for row in rows.fetchall()]

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid == os.getpid():
            return self._connection
        self._make_private()
        connection = sqlite3.connect(self.path, timeout=self._timeout_s, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._pid = connection, os.getpid()
        return connection

    def _make_private(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
            _flush_folder(self.path.parent)  # or a power cut could take the file's name, and every record with it
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & 0o077:
            self.path.chmod(mode & 0o700)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            self._switch_to_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._create(connection)
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StoreFailed(f"{self.path}: not an opswright journal; move it away or set another state directory")
        if version != SCHEMA_VERSION:
            raise StoreFailed(
                f"{self.path}: journal version {version}, this program writes {SCHEMA_VERSION}; update it"
            )
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'records_by_run_and_kind'").fetchone():
            connection.execute(ADDED_INDEX.replace("INDEX", "INDEX IF NOT EXISTS", 1))

    def _switch_to_wal(self, connection: sqlite3.Connection) -> None:
        # SQLite answers "locked" at once, without the busy timeout, when two processes switch at the same moment.
        give_up = time.monotonic() + self._timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)

    def _create(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
            if empty:
                for statement in _statements(SCHEMA):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreFailed(f"{self.path}: {advice(str(error), 'journal', self._timeout_s)}") from error
        except OSError as error:
            raise StoreFailed(f"{self.path}: {error.strerror or error}; the journal cannot be written there") from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _record(row: tuple[Any, ...]) -> Record:
    seq, at, kind, run, task, key, payload = row
    return Record(seq, at, kind, run, task, key, json.loads(payload))


def _statements(script: str) -> Iterator[str]:
    # executescript would commit the transaction that makes creation atomic.
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
