"""The one face in its three backings."""

from pathlib import Path

import pytest

from opswright.errors import ConfigError, InputError, RecordingMissing, ToolFailed
from opswright.sandboxes.environments.opening import About, open_environment
from opswright.sandboxes.environments.ports import MEASURE, Environment
from opswright.sandboxes.environments.surface import Surface
from opswright.sandboxes.environments.surface_recorder import SurfaceRecorder
from opswright.sandboxes.environments.transcript import Transcript
from tests.sandboxes.environments.toys import Bench, Shelf


def never() -> Environment:
    raise AssertionError("a recorded environment opened the live one")


def test_live_is_the_live_one(tmp_path: Path) -> None:
    shelf = Shelf()
    assert open_environment("shelf", lambda: shelf, "live", None) is shelf


def test_a_transcript_is_recorded_and_played_back(tmp_path: Path) -> None:
    one = open_environment("shelf", Shelf, "recording", tmp_path / "new", About("here"))
    one.call("put", {"key": "a", "value": 1})
    one.close()
    again = open_environment("shelf", never, "recorded", tmp_path / "new")
    assert isinstance(again, Transcript) and again.header["description"] == "here"
    assert again.call("put", {"key": "a", "value": 1}) == {"size": 1}
    again.close()


def test_what_has_a_grid_is_a_surface(tmp_path: Path) -> None:
    one = open_environment("bench", Bench, "recording", tmp_path)
    assert isinstance(one, SurfaceRecorder)
    asked = {"configuration": {"cache_mb": 1, "mode": "fast"}}
    given = one.call(MEASURE, asked)
    one.close()
    again = open_environment("bench", never, "recorded", tmp_path, About(seed=3))
    assert isinstance(again, Surface) and again.call(MEASURE, asked) == given
    with pytest.raises(ToolFailed, match="off the grid"):
        again.call(MEASURE, {"configuration": {"cache_mb": 9, "mode": "fast"}})


def test_a_recording_that_is_not_there_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(RecordingMissing, match="no recording of shelf is there; record it with opswright shelf record"):
        open_environment("shelf", never, "recorded", tmp_path, About(command="opswright shelf record"))


@pytest.mark.parametrize("name", ["", "Shelf", "../shelf", "a/b", "-a", "a" * 70, "a.b"])
def test_a_name_is_a_file_s_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="must be lower-case"):
        open_environment(name, never, "recorded", tmp_path)


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be one of live, recording, recorded"):
        open_environment("shelf", never, "replayed", tmp_path)
    with pytest.raises(ConfigError, match="no folder of recordings"):
        open_environment("shelf", never, "recorded", None)
    (tmp_path / "shelf.transcript.jsonl").write_text("")
    (tmp_path / "shelf.surface.jsonl").write_text("")
    with pytest.raises(InputError, match="has both"):
        open_environment("shelf", never, "recorded", tmp_path)


def test_what_cannot_be_recorded_is_closed_again(tmp_path: Path) -> None:
    shelf = Shelf()
    (tmp_path / "file").write_text("")
    with pytest.raises(Exception, match="cannot be written"):
        open_environment("shelf", lambda: shelf, "recording", tmp_path / "file")
    assert shelf.closed == 1
