"""Checkpoints on a real PostgreSQL server: a run is killed (-9) in the middle and goes on from there."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from opswright.agents.checkpoints import open_checkpoints
from opswright.errors import StoreFailed
from opswright.settings import CheckpointSettings, Settings
from tests.agents.counting import count_once
from tests.agents.killing.server import counter_server
from tests.agents.test_killed import World, nursery
from tests.live import POSTGRES, postgres_server, unavailable

pytestmark = pytest.mark.live
__all__ = ["nursery"]


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        unavailable("the postgres extra is not installed")
    with postgres_server() as dsn:
        yield dsn


@pytest.fixture
def settings(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv(POSTGRES, dsn)
    checkpoints = CheckpointSettings(backend="postgres", dsn_env=POSTGRES)
    return Settings(state_dir=tmp_path, cache_dir=tmp_path, config_dir=tmp_path, checkpoints=checkpoints)


def test_a_run_goes_on_where_it_was(settings: Settings) -> None:
    for expected in (1, 2):
        with open_checkpoints(settings) as saver:
            assert count_once(saver)["count"] == expected
    assert not list(settings.state_dir.glob("checkpoints*"))


def test_a_wrong_password_is_one_line_without_it(settings: Settings, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = dsn.replace("opswright:", "opswright:hush", 1)
    monkeypatch.setenv(POSTGRES, wrong)
    with pytest.raises(StoreFailed, match="check that the server runs") as caught, open_checkpoints(settings):
        pass
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("kill", ["checkpoint:8:after", "trial:2:after", "counter:after", "verify"])
def test_killed_and_resumed(nursery: object, tmp_path: Path, dsn: str, kill: str) -> None:
    with counter_server() as server:
        world = World(nursery, tmp_path, server, postgres=dsn)  # type: ignore[arg-type]
        assert world.start(kill) == -signal.SIGKILL
        assert world.resume() == 0
        world.check()
        assert not list((tmp_path / "state").glob("checkpoints*"))
