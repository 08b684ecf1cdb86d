"""The checkpoints' stores: strict, private, one line when something is wrong with the disk or the lock."""

import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from opswright.agents.checkpoints import in_memory, open_checkpoints, strict_serializer
from opswright.errors import ConfigError, StoreFailed
from opswright.nouns import Outcome, Verdict
from opswright.settings import CheckpointSettings, Settings
from tests.agents.counting import count_once


def settings_in(folder: Path, **values: Any) -> Settings:
    return Settings(state_dir=folder, cache_dir=folder, config_dir=folder, **values)


def test_the_file_is_private(tmp_path: Path) -> None:
    with open_checkpoints(settings_in(tmp_path)) as saver:
        count_once(saver)
        files = list(tmp_path.glob("checkpoints.sqlite3*"))
        assert len(files) == 3 and all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_a_checkpoint_survives_a_power_cut(tmp_path: Path) -> None:
    with open_checkpoints(settings_in(tmp_path)) as saver:
        connection: Any = saver.conn  # type: ignore[attr-defined]
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_memory_forgets(tmp_path: Path) -> None:
    for _ in range(2):
        with in_memory() as saver:
            assert count_once(saver)["count"] == 1
    assert not list(tmp_path.iterdir())


def test_only_plain_values_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strict without the environment variable: a class of ours in a checkpoint is not rebuilt."""
    monkeypatch.delenv("LANGGRAPH_STRICT_MSGPACK", raising=False)
    serializer = strict_serializer()
    plain = {"a": [1, 2.5, None, True, "x"]}
    assert serializer.loads_typed(serializer.dumps_typed(plain)) == plain
    odd = serializer.loads_typed(serializer.dumps_typed({"v": Verdict(Outcome.ACCEPTED, "forged")}))
    assert not isinstance(odd["v"], Verdict)


LOCKING = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_locked_database_is_one_line(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with open_checkpoints(settings) as saver:
        count_once(saver)
    command = [sys.executable, "-c", LOCKING, str(settings.checkpoints_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "locked\n"
        opened = open_checkpoints(settings, lock_timeout_s=0.05)
        with pytest.raises(StoreFailed, match="locked by another process") as caught, opened as saver:
            count_once(saver)
        other.communicate("")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with pytest.raises(StoreFailed, match="no room for the checkpoint file"), open_checkpoints(settings) as saver:
        # SQLite's own limit on pages answers exactly as a full disk does.
        pages = saver.conn.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        saver.conn.execute(f"PRAGMA max_page_count = {pages}")  # type: ignore[attr-defined]
        count_once(saver, filling="x" * 100_000)


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.checkpoints_path.write_text("not a database, and longer than a page header " * 100)
    with pytest.raises(StoreFailed, match="damaged"), open_checkpoints(settings) as saver:
        count_once(saver)


def test_a_state_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = settings_in(tmp_path / "file")
    with pytest.raises(StoreFailed, match="cannot be written there"), open_checkpoints(settings):
        pass


@pytest.mark.parametrize(
    ("environment", "error", "message"),
    [
        ({}, ConfigError, "set OPSWRIGHT_TEST_DSN"),
        ({"OPSWRIGHT_TEST_DSN": "postgresql://u:hush@127.0.0.1:1/x"}, StoreFailed, "check that the server runs"),
        ({"OPSWRIGHT_TEST_DSN": "nonsense hush"}, StoreFailed, "check that the server runs"),
    ],
)
def test_postgres_that_cannot_be_reached_is_one_line_without_the_password(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: Mapping[str, str],
    error: type[Exception],
    message: str,
) -> None:
    pytest.importorskip("psycopg", reason="the postgres extra is not installed")
    monkeypatch.delenv("OPSWRIGHT_TEST_DSN", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = settings_in(tmp_path, checkpoints=CheckpointSettings(backend="postgres", dsn_env="OPSWRIGHT_TEST_DSN"))
    with pytest.raises(error, match=message) as caught, open_checkpoints(settings):
        pass
    assert "hush" not in str(caught.value) and "\n" not in str(caught.value)


OPENING = """
import sys
from pathlib import Path
from tests.agents.counting import count_once
from tests.agents.test_checkpoints import settings_in
from opswright.agents.checkpoints import open_checkpoints
sys.stdin.read()
with open_checkpoints(settings_in(Path(sys.argv[1]))) as saver:
    count_once(saver, config={"configurable": {"thread_id": sys.argv[2]}})
"""


def test_several_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    commands = [[sys.executable, "-c", OPENING, str(tmp_path), name] for name in "abc"]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, cwd=root) for command in commands]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait() for process in processes] == [0, 0, 0]
