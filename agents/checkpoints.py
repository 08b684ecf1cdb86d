"""Where LangGraph keeps its checkpoints: SQLite under the state directory, PostgreSQL by settings, memory for evals.

The serializer is strict whatever the environment says: only plain values and LangGraph's own safe types come back from
a checkpoint. Graphs run with durability `sync`: a step's checkpoint is on disk before the next one starts.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from opswright.errors import ConfigError, StoreFailed
from opswright.knowledge.erasure import compact
from opswright.knowledge.sqlite_errors import advice
from opswright.settings import Settings

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

DURABILITY: Literal["sync"] = "sync"
LOCK_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 10


def strict_serializer() -> "JsonPlusSerializer":
    """Reads back nothing but plain values and LangGraph's own safe types."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    return JsonPlusSerializer(allowed_msgpack_modules=None)


@contextlib.contextmanager
def in_memory(settings: Settings | None = None) -> "Iterator[BaseCheckpointSaver[str]]":
    """A saver for runs that nobody will resume, such as evals."""
    from langgraph.checkpoint.memory import InMemorySaver

    yield InMemorySaver(serde=strict_serializer())


@contextlib.contextmanager
def open_checkpoints(
    settings: Settings, lock_timeout_s: float = LOCK_TIMEOUT_S
) -> "Iterator[BaseCheckpointSaver[str]]":
    """The configured saver, closed at the end. Raises ConfigError, and StoreFailed for failures in the block too."""
    if settings.checkpoints.backend == "postgres":
        with _postgres(settings.checkpoints.dsn_env) as postgres:
            yield postgres
        return
    with _sqlite(settings.checkpoints_path, lock_timeout_s) as sqlite:
        yield sqlite


def forget_threads(settings: Settings, threads: Sequence[str]) -> None:
    """Deletes the checkpoints of threads, and rewrites the file so that none of their bytes is left; idempotent."""
    sqlite = settings.checkpoints.backend == "sqlite"
    if sqlite and not settings.checkpoints_path.exists():
        return
    with open_checkpoints(settings) as saver:
        for thread in threads:
            saver.delete_thread(thread)
        if not sqlite:
            for table in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
                cast(Any, saver).conn.execute(f"VACUUM {table}")
    if sqlite:
        compact(settings.checkpoints_path, application_id=0)


@contextlib.contextmanager
def _sqlite(path: Path, lock_timeout_s: float) -> "Iterator[BaseCheckpointSaver[str]]":
    from langgraph.checkpoint.sqlite import SqliteSaver

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Checkpoints hold no secrets, but requests are nobody else's business either. An existing file is not opened:
        # closing it would drop the locks that another connection of this process holds.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, timeout=lock_timeout_s, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StoreFailed(f"{path}: the checkpoints cannot be written there ({_short(error)})") from error
    with contextlib.closing(connection), _plain_sqlite_errors(path, lock_timeout_s):
        saver = SqliteSaver(connection, serde=strict_serializer())
        with _alone(path.with_suffix(".lock")):  # two processes that switch to WAL at once: one is told "locked"
            saver.setup()
        connection.execute("PRAGMA synchronous = FULL")  # a checkpoint survives a power cut, as the journal does
        yield saver


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _plain_sqlite_errors(path: Path, lock_timeout_s: float) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreFailed(f"{path}: {advice(str(error), 'checkpoint', lock_timeout_s)}") from error


@contextlib.contextmanager
def _postgres(dsn_env: str) -> "Iterator[BaseCheckpointSaver[str]]":
    try:
        import psycopg
        from langgraph.checkpoint.postgres import PostgresSaver
        from psycopg.rows import dict_row
    except ImportError as error:
        raise ConfigError(
            "PostgreSQL checkpoints need more packages: pip install 'opswright[postgres]'", "checkpoints"
        ) from error
    dsn = os.environ.get(dsn_env, "")
    if not dsn:
        raise ConfigError(
            f'set {dsn_env} to the PostgreSQL connection string, or use backend = "sqlite"', "checkpoints"
        )
    try:
        connection = psycopg.Connection.connect(
            dsn, autocommit=True, prepare_threshold=0, row_factory=dict_row, connect_timeout=CONNECT_TIMEOUT_S
        )
        with connection:
            saver = PostgresSaver(connection, serde=strict_serializer())
            saver.setup()
            yield cast("BaseCheckpointSaver[str]", saver)
    except psycopg.Error as error:
        # The message can quote the connection string; the class's name and SQLSTATE never do.
        state = f", SQLSTATE {error.sqlstate}" if error.sqlstate else ""
        raise StoreFailed(
            f"the PostgreSQL checkpoints in {dsn_env} failed ({type(error).__name__}{state}); "
            "check that the server runs and the connection string is right"
        ) from error


def _short(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
