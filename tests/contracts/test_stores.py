"""The journal, and checkpoints in memory, in SQLite and in PostgreSQL, keep the same contracts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from opswright.agents.checkpoints import in_memory, open_checkpoints
from opswright.knowledge.journal import Journal
from opswright.settings import CheckpointSettings, Settings
from tests.contracts.stores import CheckpointsContract, JournalContract, Opening
from tests.live import POSTGRES, postgres_server, unavailable


class TestJournal(JournalContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> Callable[[], Journal]:
        return lambda: Journal(tmp_path / "journal.sqlite3")


class TestInMemory(CheckpointsContract):
    lasts = False

    @pytest.fixture
    def opening(self) -> Opening:
        return in_memory


class TestSqlite(CheckpointsContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> Opening:
        settings = Settings(state_dir=tmp_path, cache_dir=tmp_path, config_dir=tmp_path)
        return lambda: open_checkpoints(settings)


@pytest.mark.live
class TestPostgres(CheckpointsContract):
    @pytest.fixture(scope="class")
    @classmethod
    def dsn(cls) -> Iterator[str]:
        try:
            import psycopg  # noqa: F401
        except ImportError:
            unavailable("the postgres extra is not installed")
        with postgres_server() as dsn:
            yield dsn

    @pytest.fixture
    def opening(self, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opening:
        import psycopg

        name = f"contract_{token_hex(4)}"  # a database of its own: the server may be somebody's
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        monkeypatch.setenv(POSTGRES, psycopg.conninfo.make_conninfo(dsn, dbname=name))
        checkpoints = CheckpointSettings(backend="postgres", dsn_env=POSTGRES)
        settings = Settings(state_dir=tmp_path, cache_dir=tmp_path, config_dir=tmp_path, checkpoints=checkpoints)
        return lambda: open_checkpoints(settings)
