"""The exact cache: answers by question hash in one SQLite file, each with a lifetime, each category with a quota.

Only answers that held are put in, and the gateway validates a hit again. A cache that cannot be read or written is an
empty one: it never fails the work.
"""

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from opswright.errors import StoreFailed
from opswright.tools.models.talk import Answer

T = TypeVar("T")
FILE = "answers.sqlite3"  # in the cache folder
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    question TEXT PRIMARY KEY, category TEXT NOT NULL, made REAL NOT NULL, used REAL NOT NULL,
    size_bytes INTEGER NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Keep:
    """How long answers of a category live, and how much room they get."""

    days: float = 30.0
    size_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True)
class Cache:
    """One file, made with mode 0600. `keeps` are the exceptions from `keep`, by category. Safe between threads."""

    path: Path
    keep: Keep = Keep()
    keeps: Mapping[str, Keep] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def get(self, question: str, category: str) -> Answer | None:
        """The answer kept for a question hash, unless its time is over."""
        now = self.clock()
        oldest = now - self._keep(category).days * 86400

        def look(database: sqlite3.Connection) -> str | None:
            found = database.execute(
                "SELECT answer FROM answers WHERE question = ? AND category = ? AND made > ?",
                (question, category, oldest),
            ).fetchone()
            database.execute("UPDATE answers SET used = ? WHERE question = ?", (now, question))
            return None if found is None else str(found[0])

        text = self._in_transaction(look)
        if text is not None:
            with contextlib.suppress(TypeError, KeyError, ValueError):
                return Answer.from_json(json.loads(text))
        return None

    def put(self, question: str, category: str, answer: Answer) -> None:
        """Keeps an answer, and drops what is too old and what was unused longest beyond the quota."""
        text, now, keep = json.dumps(answer.as_json()), self.clock(), self._keep(category)

        def store(database: sqlite3.Connection) -> None:
            row = (question, category, now, now, len(text), text)
            database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)", row)
            old = (category, now - keep.days * 86400)
            database.execute("DELETE FROM answers WHERE category = ? AND made <= ?", old)
            database.execute(
                "DELETE FROM answers WHERE question IN (SELECT question FROM (SELECT question, SUM(size_bytes) OVER "
                "(ORDER BY used DESC, question) AS taken FROM answers WHERE category = ?) WHERE taken > ?)",
                (category, keep.size_bytes),
            )

        self._in_transaction(store)

    def drop(self, question: str) -> None:
        """Forgets an answer that did not hold."""
        self._in_transaction(lambda database: database.execute("DELETE FROM answers WHERE question = ?", (question,)))

    def _keep(self, category: str) -> Keep:
        return self.keeps.get(category, self.keep)

    def _in_transaction(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `work` returns, or None where the store fails."""
        with self._lock:
            return in_transaction(self.path, SCHEMA, work)


def in_transaction(path: Path, schema: str, work: Callable[[sqlite3.Connection], T]) -> T | None:
    """What `work` returns; None where the file cannot be made, read or written, or is damaged."""
    with contextlib.suppress(sqlite3.Error, OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(sqlite3.connect(path, timeout=2.0)) as database, database:
            database.executescript(schema)
            return work(database)
    return None


def forget(folder: Path, questions: Collection[str]) -> None:
    """Drops the answers to these question hashes from the cache in a folder, and their bytes from its file."""
    path = folder / FILE
    if not questions or not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=30.0, isolation_level=None)) as database:
            database.execute("PRAGMA secure_delete = ON")
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in sorted(tables & {"answers", "similar"}):
                rows = [(question,) for question in questions]
                database.executemany(f"DELETE FROM {table} WHERE question = ?", rows)
            database.execute("VACUUM")
    except sqlite3.Error as error:
        raise StoreFailed(f"{path}: cached answers could not be deleted ({error}); try again") from error
