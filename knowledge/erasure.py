"""The one sanctioned change of what the journal holds: a person's text is taken out of its records.

A record keeps its number, time, kind, run, task and key, so that what was done stays a chain; its payload is replaced
by what is left without the text. All records of one erasure change in one transaction, together with the record that
says so. Afterwards the file is rewritten: a page that was split may hold the old text where no record is any more.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from opswright.errors import StoreFailed
from opswright.knowledge.journal import APPLICATION_ID, SCHEMA
from opswright.knowledge.sqlite_errors import advice
from opswright.nouns import Json

ERASED = "erased"  # in a payload: the record whose text was taken out, with the erasure's id
ERASING = "erasing"  # the record that a deletion begins with; nobody goes on with what it names
REWRITTEN = "erasure.rewritten"
_GUARD = "records_no_update"
_TIMEOUT_S = 30.0


def rewrite(
    journal: Path, payloads: Iterable[tuple[int, Json]], erasure: str, clock: Callable[[], float] = time.time
) -> None:
    """Replaces the payloads of records by number, all or none, and records the erasure's id; idempotent.

    Raises StoreFailed when the journal is busy, full, or not a journal.
    """
    with _connected(journal) as connection:
        guard = next(line for line in SCHEMA.splitlines() if line.startswith(f"CREATE TRIGGER {_GUARD} "))
        connection.execute("BEGIN IMMEDIATE")
        # The guard is gone inside this transaction alone: nobody else ever sees the journal without it.
        connection.execute(f"DROP TRIGGER {_GUARD}")
        for seq, payload in payloads:
            text = json.dumps(payload, sort_keys=True, separators=(",", ":"), allow_nan=False)
            connection.execute("UPDATE records SET payload = ? WHERE seq = ?", (text, seq))
        connection.execute(guard)
        key = f"{REWRITTEN}:{erasure}"
        connection.execute(
            "INSERT INTO records (at, kind, run, task, key, payload) SELECT ?, ?, '', '', ?, '{}' "
            "WHERE NOT EXISTS (SELECT 1 FROM records WHERE key = ?)",
            (clock(), REWRITTEN, key, key),
        )
        connection.execute("COMMIT")


def compact(database: Path, application_id: int = APPLICATION_ID) -> None:
    """Writes an SQLite file anew and empties its log, so that nothing deleted is left in either; idempotent.

    Raises StoreFailed where another process is in the middle of reading or writing it, or there is no room.
    """
    with _connected(database, application_id) as connection:
        connection.execute("VACUUM")
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreFailed(f"{database}: another process is using it; the old text is still in its log, try again")


@contextlib.contextmanager
def _connected(database: Path, application_id: int = APPLICATION_ID) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=_TIMEOUT_S, isolation_level=None)) as connection:
            if connection.execute("PRAGMA application_id").fetchone()[0] != application_id:
                raise StoreFailed(f"{database}: is not what it should be; nothing was erased")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            yield connection
    except sqlite3.Error as error:
        raise StoreFailed(f"{database}: {advice(str(error), 'journal', _TIMEOUT_S)}") from error
