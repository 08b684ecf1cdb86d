"""The models part: chosen cases, recorded once at a real endpoint over HTTP, then replayed without it."""

import json
from pathlib import Path

import pytest

from opswright.errors import InputError, RecordingMissing
from opswright.evals.policy.chosen import AMBIGUOUS, RANDOM, choose, read_chosen
from opswright.evals.policy.models import CASES, TIERS, Models
from opswright.evals.product import ANSWERS, model_settings
from opswright.evals.results import ResultFile
from opswright.evals.runner import run_part
from opswright.evals.suites import Summary
from opswright.settings import ModelSettings, Settings
from opswright.tools.iam.actions import load

from .endpoint import endpoint
from .fixtures import data_folder

SEED = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_folder(tmp_path_factory.mktemp("data"))


def _settings(at: Path, url: str | None) -> Settings:
    models = ModelSettings(base_url=url) if url else ModelSettings()
    return Settings(state_dir=at / "state", cache_dir=at / "cache", config_dir=at / "config", models=models)


def _run(part: Models, at: Path) -> Summary:
    results = ResultFile(at, {"suite": "policy"})
    results.open()
    return run_part(part, results, jobs=1, limit=None, progress=lambda *_: None)


def test_record_then_replay(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPSWRIGHT_FORBID_MODEL_CALLS", "0")
    recordings = tmp_path / "recordings"
    with endpoint() as served:
        part = Models(folder, SEED, _settings(tmp_path, served.url), recordings, record=True, among=4)
        part.prepare(fresh=True, limit=2)
        recorded = _run(part, tmp_path / "recorded.jsonl")
        assert served.asked
    replayed = _run(Models(folder, SEED, _settings(tmp_path, None), recordings), tmp_path / "replayed.jsonl")
    assert recorded.figures == replayed.figures
    assert replayed.figures["cases"] == 2
    assert set(replayed.figures["tiers"]) == set(TIERS)
    assert replayed.figures["tiers"]["solver"]["calls"] == 0
    assert replayed.figures["tiers"]["mid"]["calls"] >= 2
    notes = " ".join(replayed.notes)
    assert "OpenAI-compatible endpoint, recorded 2" in notes and "policy/edit@" in notes
    written = (recordings / ANSWERS).read_text() + (recordings / CASES).read_text()
    assert "sk-test" not in written and "127.0.0.1" not in written and "Statement" not in written


def test_the_solver_does_not_lean_on_a_model(folder: Path, tmp_path: Path) -> None:
    settings = _settings(tmp_path, "http://127.0.0.1:9/v1")
    part = Models(folder, SEED, settings, tmp_path, record=True)
    assert model_settings(part.setup, "solver").tiers() == ()
    assert len(model_settings(part.setup, "auto").tiers()) == 3


def test_a_case_that_changed_is_not_judged_by_old_answers(folder: Path, tmp_path: Path) -> None:
    value = {"seed": SEED, "cases": [{"index": 0, "why": RANDOM, "digest": "0" * 16}]}
    (tmp_path / CASES).write_text(json.dumps(value))
    part = Models(folder, SEED, _settings(tmp_path, None), tmp_path)
    with pytest.raises(RecordingMissing, match="not what was recorded any more"):
        part.run(part.cases()[0])
    summary = _run(part, tmp_path / "rows.jsonl")
    assert summary.figures["cases"] == 0
    assert "1 of 1 cases are left out" in " ".join(summary.notes)


def test_nothing_recorded_is_said(folder: Path, tmp_path: Path) -> None:
    summary = _run(Models(folder, SEED, _settings(tmp_path, None), tmp_path / "none"), tmp_path / "rows.jsonl")
    assert summary.goals[0].met is False
    assert "--record" in summary.notes[0]


def test_recording_needs_a_model(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model is configured"):
        Models(folder, SEED, _settings(tmp_path, None), tmp_path, record=True).prepare(fresh=False, limit=2)


def test_a_broken_list_of_cases_is_refused(tmp_path: Path) -> None:
    (tmp_path / CASES).write_text('{"seed": 1, "cases": [{"index": 0}]}')
    with pytest.raises(InputError, match="no list of chosen cases"):
        read_chosen(tmp_path / CASES)


def test_choice_is_repeatable_and_says_why(folder: Path) -> None:
    chosen = choose(folder, SEED, 4, 6, load())
    assert len(chosen) == 4
    assert {one.why for one in chosen} <= {AMBIGUOUS, RANDOM}
    assert [one.index for one in chosen] == sorted({one.index for one in chosen})
    assert chosen == choose(folder, SEED, 4, 6, load())
