"""A transcript plays back exactly what happened, and says what was expected where anything else comes."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright import errors
from opswright.errors import EnvironmentFailed, InputError, RecordingMissing, SandboxUnavailable, ToolFailed
from opswright.nouns import Json
from opswright.sandboxes.environments.transcript import Transcript
from tests.processes import Child
from tests.sandboxes.environments.toys import COMMAND, Shelf, recording, replay

FAILURES = (ToolFailed, EnvironmentFailed, SandboxUnavailable)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
calls = st.tuples(
    st.text(max_size=5),
    st.dictionaries(st.text(max_size=4), json_values, max_size=3),
    st.one_of(json_values, st.sampled_from(FAILURES)),
)


def scripted(steps: list[tuple[str, dict[str, Json], Json]]) -> Shelf:
    gives = iter([step[2] for step in steps])

    def give(operation: str, arguments: Mapping[str, Json]) -> Json:
        what = next(gives)
        if isinstance(what, type) and issubclass(what, Exception):
            raise what(f"{operation} went wrong")
        return what

    return Shelf(gives=give)


def said(environment: Transcript | Shelf, operation: str, arguments: Mapping[str, Json]) -> Json:
    """What a call gives, errors as data."""
    try:
        return ["gave", environment.call(operation, arguments)]
    except (ToolFailed, EnvironmentFailed) as error:
        return [type(error).__name__, str(error)]


def record(path: Path, steps: list[tuple[str, dict[str, Json], Json]]) -> list[Json]:
    recorder = recording(path, scripted(steps))
    heard = [said(recorder, operation, arguments) for operation, arguments, _ in steps]  # type: ignore[arg-type]
    recorder.close()
    return heard


def small(path: Path) -> Path:
    """Three calls: a put, a get, a get that fails."""
    recorder = recording(path, Shelf(), description="a shelf in a test")
    recorder.call("put", {"key": "a", "value": 1})
    recorder.call("get", {"key": "a"})
    with pytest.raises(ToolFailed):
        recorder.call("get", {"key": "b"})
    recorder.close()
    return path


@given(st.lists(calls, max_size=6))
def test_whatever_happened_happens_again(steps: list[tuple[str, dict[str, Json], Json]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shelf.transcript.jsonl"
        heard = record(path, steps)
        again = replay(path)
        assert [said(again, operation, arguments) for operation, arguments, _ in steps] == heard
        again.close()


@given(st.lists(calls, min_size=1, max_size=5), st.data())
def test_another_order_or_another_call_is_a_miss(
    steps: list[tuple[str, dict[str, Json], Json]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shelf.transcript.jsonl"
        record(path, steps)
        again = replay(path)
        at = data.draw(st.integers(0, len(steps) - 1))
        for operation, arguments, _ in steps[:at]:
            said(again, operation, arguments)
        with pytest.raises(RecordingMissing, match="was recorded as") as missed:
            again.call(steps[at][0] + "!", steps[at][1])
        assert COMMAND in str(missed.value) and f"call {at + 1} of {len(steps)}" in str(missed.value)
        with pytest.raises(RecordingMissing, match="nothing is played back after"):
            again.call(*steps[at][:2])
        again.close()  # what went wrong was said already


def test_a_miss_names_what_was_expected_what_came_and_the_command(tmp_path: Path) -> None:
    again = replay(small(tmp_path / "t.jsonl"))
    with pytest.raises(RecordingMissing) as missed:
        again.call("get", {"key": "a"})
    assert str(missed.value) == (
        f'{tmp_path}/t.jsonl: call 1 of 3 was recorded as put {{"key": "a", "value": 1}}, '
        f'and get {{"key": "a"}} came; record it with {COMMAND}'
    )


def test_a_call_too_many_and_calls_left_over_are_errors(tmp_path: Path) -> None:
    path = small(tmp_path / "t.jsonl")
    again = replay(path)
    again.call("put", {"value": 1, "key": "a"})
    with pytest.raises(RecordingMissing, match=r"2 of 3 recorded calls were not made, the first get"):
        again.close()
    again.close()  # once is enough
    full = replay(path)
    full.call("put", {"key": "a", "value": 1})
    full.call("get", {"key": "a"})
    with pytest.raises(ToolFailed, match="there is no b"):
        full.call("get", {"key": "b"})
    with pytest.raises(RecordingMissing, match="all 3 recorded calls were made"):
        full.call("get", {"key": "a"})


def test_the_first_line_says_what_it_is(tmp_path: Path) -> None:
    header = json.loads(small(tmp_path / "t.jsonl").read_text().splitlines()[0])
    assert header["environment"] == "shelf" and header["description"] == "a shelf in a test"
    assert header["recorded"].endswith("Z") and header["format"] == 1 and header["command"] == COMMAND


@given(st.data())
def test_a_changed_file_is_refused_or_says_the_same(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = small(Path(folder) / "t.jsonl")
        content, rows = path.read_bytes(), replay(path)._rows
        at = data.draw(st.integers(0, len(content) - 1))
        byte = data.draw(st.integers(0, 255).filter(lambda one: one != content[at]))
        path.write_bytes(content[:at] + bytes([byte]) + content[at + 1 :])
        try:
            found = replay(path)._rows
        except (InputError, RecordingMissing) as error:
            assert "\n" not in str(error)
        else:
            assert found == rows  # white space between the values


@pytest.mark.parametrize("drop", range(5))
def test_a_line_less_is_seen(tmp_path: Path, drop: int) -> None:
    path = small(tmp_path / "t.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:drop] + lines[drop + 1 :]))
    with pytest.raises((InputError, RecordingMissing)):
        replay(path)


def test_a_line_moved_is_seen(tmp_path: Path) -> None:
    path = small(tmp_path / "t.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(InputError, match="was changed since it was recorded"):
        replay(path)


def test_secrets_are_cut_before_anything_is_written_and_the_replay_is_asked_with_them(tmp_path: Path) -> None:
    path, secret = tmp_path / "t.jsonl", "postgres://me:hunter22@host/db"
    shelf = Shelf(gives=lambda operation, arguments: {"said": f"password=hunter22 at {arguments['url']}"})
    recorder = recording(path, shelf, description=f"at {secret}")
    heard = recorder.call("look", {"url": secret, "api_key": "hunter22"})
    shelf.gives = lambda operation, arguments: (_ for _ in ()).throw(ToolFailed(f"cannot reach {secret}"))
    with pytest.raises(ToolFailed, match="redacted") as failed:
        recorder.call("look", {"url": secret})
    shelf.gives = lambda operation, arguments: None
    recorder.call(f"look at {secret}", {})
    recorder.close()
    assert "hunter22" not in path.read_text() + json.dumps(heard) + str(failed.value)
    again = replay(path)
    assert again.call("look", {"url": secret, "api_key": "hunter22"}) == heard
    with pytest.raises(ToolFailed) as replayed:
        again.call("look", {"url": secret})
    assert str(replayed.value) == str(failed.value)
    assert again.call(f"look at {secret}", {}) is None
    again.close()


def test_whoever_is_recorded_sees_what_a_replay_gives(tmp_path: Path) -> None:
    """JSON's own types: a tuple is a list, in the recording and in the replay."""
    recorder = recording(tmp_path / "t.jsonl", Shelf(gives=lambda operation, arguments: {"pair": (1, 2)}))
    assert recorder.call("look", {"at": (1,)}) == {"pair": [1, 2]}
    recorder.close()
    assert replay(tmp_path / "t.jsonl").call("look", {"at": (1,)}) == {"pair": [1, 2]}


@pytest.mark.parametrize("odd", [float("nan"), {1, 2}, object()])
def test_what_is_no_json_is_not_recorded(tmp_path: Path, odd: object) -> None:
    recorder = recording(tmp_path / "t.jsonl", Shelf(gives=lambda operation, arguments: odd))
    with pytest.raises(EnvironmentFailed, match="is not plain JSON"):
        recorder.call("look", {})


def test_the_caller_may_change_what_it_was_given(tmp_path: Path) -> None:
    recorder = recording(tmp_path / "t.jsonl", Shelf(gives=lambda operation, arguments: {"a": []}))
    recorder.call("look", {})
    recorder.close()
    again = replay(tmp_path / "t.jsonl")
    again.call("look", {})["a"].append(1)
    assert again._rows[0]["result"] == {"a": []}


def test_a_killed_recording_leaves_the_old_transcript(tmp_path: Path) -> None:
    path = small(tmp_path / "t.jsonl")
    before = path.read_bytes()

    def work(say: object) -> None:
        recorder = recording(path, Shelf())
        recorder.call("put", {"key": "z", "value": 9})
        os.kill(os.getpid(), signal.SIGKILL)

    assert Child(work).wait() == -signal.SIGKILL
    assert path.read_bytes() == before
    record(path, [("look", {}, 1)])  # and the next one is not in its way
    assert replay(path).call("look", {}) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["t.jsonl"]


def test_one_that_was_not_finished_is_a_miss(tmp_path: Path) -> None:
    recorder = recording(tmp_path / "t.jsonl", Shelf())
    recorder.call("put", {"key": "z", "value": 9})
    (tmp_path / "u.jsonl").write_bytes((tmp_path / "t.jsonl.part").read_bytes())
    with pytest.raises(RecordingMissing, match=f"was not finished; record it with {COMMAND}"):
        replay(tmp_path / "u.jsonl")


def test_two_recorders_of_one_transcript_do_not_mix(tmp_path: Path) -> None:
    first = recording(tmp_path / "t.jsonl", Shelf())
    with pytest.raises(EnvironmentFailed, match="another process is recording into it"):
        recording(tmp_path / "t.jsonl", Shelf())
    first.close()


def test_closing_closes_the_live_one_once(tmp_path: Path) -> None:
    shelf = Shelf()
    recorder = recording(tmp_path / "t.jsonl", shelf)
    recorder.close()
    recorder.close()
    assert shelf.closed == 1
    with pytest.raises(EnvironmentFailed, match="closed"):
        recorder.call("put", {"key": "a", "value": 1})


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty"), ("{}\n", "not a recording"), ("[]\n", "not a line"), ("no\n", "not a line"), ('{"a":', "empty")],
)
def test_what_is_no_recording_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(InputError, match=message):
        replay(tmp_path / "t.jsonl")


def test_a_recording_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a recording of shelf, not of drawer"):
        replay(small(tmp_path / "t.jsonl"), "drawer")


def test_every_failure_of_the_tree_comes_back_as_itself(tmp_path: Path) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FAILURES[:2])]
    assert len(kinds) > 5
    steps: list[tuple[str, dict[str, Json], Json]] = [(kind.__name__, {}, kind) for kind in kinds]
    heard = record(tmp_path / "t.jsonl", steps)
    again = replay(tmp_path / "t.jsonl")
    assert [said(again, kind.__name__, {}) for kind in kinds] == heard
    assert [one[0] for one in heard] == [kind.__name__ for kind in kinds]
