"""Live, recording and recorded environments keep the same contract."""

from collections.abc import Callable
from pathlib import Path

import pytest

from opswright.sandboxes.environments.opening import open_environment
from opswright.sandboxes.environments.ports import Environment
from opswright.sandboxes.environments.surface_recorder import record_surface
from tests.contracts.environments import Call, EnvironmentContract, GriddedContract, Story
from tests.sandboxes.environments.toys import Bench, Shelf, sampling

CALLS: list[Call] = [
    ("put", {"key": "a", "value": [1, {"x": None}]}),
    ("get", {"key": "a"}),
    ("get", {"key": "a"}),
    ("put", {"key": "ü", "value": "ü\n"}),
    ("get", {"key": "ü"}),
]
FAILS: Call = ("get", {"key": "b"})


def never() -> Environment:
    raise AssertionError("the live one was opened")


class TestLive(EnvironmentContract):
    @pytest.fixture
    def story(self) -> Story:
        return Story(Shelf, CALLS, FAILS)


class TestRecording(EnvironmentContract):
    @pytest.fixture
    def story(self, tmp_path: Path) -> Story:
        return Story(lambda: open_environment("shelf", Shelf, "recording", tmp_path), CALLS, FAILS)


class TestRecorded(EnvironmentContract):
    @pytest.fixture
    def story(self, tmp_path: Path) -> Story:
        recorder = open_environment("shelf", Shelf, "recording", tmp_path)
        Story(Shelf, CALLS, FAILS).told(recorder)
        recorder.close()
        return Story(lambda: open_environment("shelf", never, "recorded", tmp_path), CALLS, FAILS)


class TestLiveGrid(GriddedContract):
    @pytest.fixture
    def opening(self) -> Callable[[], Environment]:
        return Bench


class TestRecordingGrid(GriddedContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> Callable[[], Environment]:
        return lambda: open_environment("bench", Bench, "recording", tmp_path)


class TestRecordedGrid(GriddedContract):
    @pytest.fixture
    def opening(self, tmp_path: Path) -> Callable[[], Environment]:
        recorder = sampling(tmp_path / "bench.surface.jsonl", Bench())
        record_surface(recorder, 3)
        recorder.close()
        return lambda: open_environment("bench", never, "recorded", tmp_path)
