"""`--record` for any suite: asked over HTTP, replayed without the endpoint, and refused where a licence says no."""

import json
import tomllib
from pathlib import Path

import pytest

from opswright.errors import InputError
from opswright.evals.product import ANSWERS
from opswright.evals.recording import prepare_recording, read_about, write_about
from opswright.evals.suites import Setup
from opswright.nouns import Tier
from opswright.settings import Deployment, Settings
from opswright.tools.models.recording import Recording
from opswright.tools.models.talk import Answer, Question

from .policy.endpoint import endpoint
from .program import opswright, probe_data, result_of, rows_of, run_probe

ASKING = {1: {"do": "ask"}, 2: {"do": "ask"}}


def test_record_then_replay_without_the_endpoint(tmp_path: Path) -> None:
    data, recordings = probe_data(tmp_path / "data", ASKING, count=3), tmp_path / "recordings"
    command = run_probe(data, "--recordings", str(recordings), "--json")
    who = 'one "model", asked twice \\ on a Friday'
    with endpoint() as served:
        environment = {"OPENAI_BASE_URL": served.url, "OPENAI_API_KEY": "sk-test-secret"}
        recorded = opswright(
            tmp_path, *command, "--record", "--answered-by", who, "--out", "recorded.jsonl", **environment
        )
        assert recorded.returncode == 0, recorded.stderr
        assert len(served.asked) == 2
    replayed = opswright(tmp_path, *command, "--out", "replayed.jsonl")
    assert replayed.returncode == 0, replayed.stderr
    assert result_of(recorded)["digest"] == result_of(replayed)["digest"]
    row = rows_of(tmp_path / "replayed.jsonl")["1"]
    assert (row["told"], row["tier"], row["tokens_in"], row["calls"]) == (1, "low", 10, 1)
    about = tomllib.loads((recordings / "recording.toml").read_text())
    assert about["answered_by"] == who and about["suite"] == "probe"
    assert about["prompts"][0].startswith("policy/choose@") and about["token_counts"] in ("reported", "estimated")
    written = "".join(path.read_text() for path in recordings.iterdir())
    for text in ("sk-test-secret", "127.0.0.1", "You choose between repairs"):
        assert text not in written
    again = opswright(tmp_path, *run_probe(data, "--recordings", str(recordings)))
    assert who in again.stdout and "this compares pipelines and prompts, not model sizes" in again.stdout
    answers = recordings / "models.jsonl"
    answers.write_text(answers.read_text().splitlines()[0] + "\n")  # the groups are known, the answers are gone
    lost = opswright(tmp_path, *command, "--out", "lost.jsonl")
    assert result_of(lost)["took"]["deeds"]["failed"] == 2
    error = rows_of(tmp_path / "lost.jsonl")["1"]["error"]
    assert error.startswith("RecordingMissing: ") and "record it with opswright eval run probe --record" in error


def test_live_asks_and_records_nothing(tmp_path: Path) -> None:
    data, recordings = probe_data(tmp_path / "data", {1: {"do": "ask"}}, count=2), tmp_path / "recordings"
    command = run_probe(data, "--recordings", str(recordings), "--env", "live", "--json")
    with endpoint() as served:
        done = opswright(tmp_path, *command, OPENAI_BASE_URL=served.url)
        assert done.returncode == 0, done.stderr
        assert len(served.asked) == 1
    assert not recordings.exists()
    assert "-live-" in result_of(done)["results"]


def test_a_case_never_takes_more_than_the_run_may(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {1: {"do": "ask"}}, count=4)
    with endpoint() as served:
        command = run_probe(data, "--env", "live", "--out", "rows.jsonl", "--max-tokens", "20", "--json")
        done = opswright(tmp_path, *command, OPENAI_BASE_URL=served.url)
        assert not served.asked
    assert done.returncode == 4, done.stderr
    assert json.loads(done.stdout)["status"] == "budget"
    assert set(rows_of(tmp_path / "rows.jsonl")) == {"0"}


@pytest.mark.parametrize("part", [("--part", "secret"), ()])
def test_data_without_a_licence_is_never_recorded(tmp_path: Path, part: tuple[str, ...]) -> None:
    data, recordings = probe_data(tmp_path / "data", ASKING), tmp_path / "recordings"
    command = [one for one in run_probe(data, "--record", "--recordings", str(recordings)) if one not in _PART] + [
        *part
    ]
    with endpoint() as served:
        done = opswright(tmp_path, *command, OPENAI_BASE_URL=served.url)
        assert not served.asked
    assert done.returncode == 2
    assert "part secret are not recorded: its data states no licence" in done.stderr
    assert not recordings.exists() and not (tmp_path / "state").exists()


_PART = ("--part", "deeds")


def test_recording_needs_a_model_and_this_machine(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", ASKING)
    none = opswright(tmp_path, *run_probe(data, "--record"))
    assert none.returncode == 2 and "no model is configured to record" in none.stderr
    workers = ("--record", "--workers", "127.0.0.1:1")
    far = opswright(tmp_path, *run_probe(data, *workers), OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert far.returncode == 2 and "--record: writes on this machine" in far.stderr


def test_a_new_recording_keeps_what_a_person_said_of_who_answers(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, cache_dir=tmp_path, config_dir=tmp_path)
    setup = Setup(settings, "s", tmp_path / "recordings", tmp_path / "cases", record=True)
    prepare_recording(setup, fresh=False)
    write_about(setup)
    assert read_about(setup.recordings) == {}, "nothing was asked, and something is said of it"
    answer, question = Answer("{}", tokens_in=1, tokens_out=1), Question("m", "a/prompt", "f" * 64, ())
    Recording(setup.recordings / ANSWERS).record(question, answer, Tier.LOW, Deployment(model="openai/m"))
    write_about(setup, "a person with \x7f patience")
    write_about(setup)
    assert read_about(setup.recordings)["answered_by"] == "a person with \x7f patience"
    assert read_about(setup.recordings)["models"] == {"low": "openai/m"}
    prepare_recording(setup, fresh=True)
    assert not list(setup.recordings.iterdir())


def test_a_broken_description_is_named(tmp_path: Path) -> None:
    (tmp_path / "recording.toml").write_text("answered_by = ")
    with pytest.raises(InputError, match=r"recording\.toml: does not describe a recording"):
        read_about(tmp_path)
