"""A session's environments: each opened once, each task its own target's, closed at the end."""

from pathlib import Path

import pytest

from opswright.agents.surroundings import SessionSurroundings
from opswright.errors import RecordingMissing
from opswright.sandboxes.environments.ports import MEASURE, Environment
from opswright.settings import Settings
from tests.sandboxes.environments.toys import Bench, Shelf

ASKED = {"configuration": {"cache_mb": 1, "mode": "fast"}}


def surroundings(folder: Path, mode: str = "live", **options: int | str) -> SessionSurroundings:
    settings = Settings(state_dir=folder, cache_dir=folder, config_dir=folder)
    return SessionSurroundings(settings, mode, folder / "recordings", **options)  # type: ignore[arg-type]


def never() -> Environment:
    raise AssertionError("the live one was opened")


def test_one_target_is_opened_once_and_another_is_another(tmp_path: Path) -> None:
    session, opened = surroundings(tmp_path), list[Shelf]()

    def live() -> Shelf:
        opened.append(Shelf())
        return opened[-1]

    first = session.environment("shelf", live, "a")
    assert session.environment("shelf", live, "a") is first
    assert session.environment("shelf", live, "b") is not first
    assert len(opened) == 2 and session.live
    assert session.close() == ()
    assert [shelf.closed for shelf in opened] == [1, 1]


def test_recorded_and_played_back(tmp_path: Path) -> None:
    session = surroundings(tmp_path, "recording")
    assert session.environment("shelf", Shelf).call("put", {"key": "a", "value": 1}) == {"size": 1}
    measured = session.environment("bench", Bench).call(MEASURE, ASKED)
    assert session.live and session.close() == ()
    again = surroundings(tmp_path, "recorded", seed=4)
    assert not again.live
    assert again.environment("bench", never).call(MEASURE, ASKED) == measured
    assert again.environment("shelf", never).call("put", {"key": "a", "value": 1}) == {"size": 1}
    assert again.close() == ()


def test_what_was_not_played_to_its_end_is_said_when_it_is_closed(tmp_path: Path) -> None:
    session = surroundings(tmp_path, "recording")
    session.environment("shelf", Shelf).call("put", {"key": "a", "value": 1})
    session.close()
    again = surroundings(tmp_path, "recorded")
    again.environment("shelf", never)
    (problem,) = again.close()
    assert "1 of 1 recorded calls were not made" in problem


def test_what_is_missing_names_the_session_s_command(tmp_path: Path) -> None:
    session = surroundings(tmp_path, "recorded", record_with="opswright eval run shelves --record")
    with pytest.raises(RecordingMissing, match="record it with opswright eval run shelves --record"):
        session.environment("shelf", never)
