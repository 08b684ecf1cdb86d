"""`opswright eval` as a program: its JSON, its exit codes, its files."""

import json
from pathlib import Path

import pytest

from .policy.fixtures import data_folder
from .program import opswright


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_folder(tmp_path_factory.mktemp("data"))


def test_without_data_it_says_what_to_set(tmp_path: Path) -> None:
    done = opswright(tmp_path, "eval", "run", "policy", "--json")
    assert done.returncode == 2
    reply = json.loads(done.stdout)
    assert reply["status"] == "error"
    assert "--data DIR" in reply["error"]["message"] and "OPSWRIGHT_DATA" in reply["error"]["message"]
    assert "Traceback" not in done.stderr


def test_a_folder_without_the_files_is_named(tmp_path: Path) -> None:
    done = opswright(tmp_path, "eval", "run", "policy", "--part", "smoke", OPSWRIGHT_DATA=str(tmp_path))
    assert done.returncode == 2
    assert "cloudfix_specs_5.json: missing from the data folder" in done.stderr


def test_a_run_and_its_continuation(tmp_path: Path, data: Path) -> None:
    command = ("eval", "run", "policy", "--part", "smoke", "--data", str(data), "--json")
    first = opswright(tmp_path, *command, "--limit", "1")
    assert first.returncode == 0, first.stderr
    result = json.loads(first.stdout)["result"]
    path = Path(result["results"])
    assert path.is_relative_to(tmp_path / "state")
    before = path.read_text()
    second = opswright(tmp_path, *command)
    assert second.returncode == 0, second.stderr
    assert path.read_text().startswith(before)
    assert "smoke: 1 of 2 cases" in second.stderr
    summary = json.loads(path.with_suffix(".summary.json").read_text())
    assert summary["parts"][0]["figures"]["10"]["solver strict"]["policies"] == 1


def test_text_has_the_goals_beside_the_measures(tmp_path: Path, data: Path) -> None:
    done = opswright(tmp_path, "eval", "run", "policy", "--part", "smoke", "--data", str(data), "--out", "rows.jsonl")
    assert done.returncode == 0, done.stderr
    assert "exact-point patch" in done.stdout and "no repair" in done.stdout and "Goals of smoke" in done.stdout
    assert (tmp_path / "rows.jsonl").exists() and (tmp_path / "rows.summary.json").exists()


def test_one_file_is_for_one_seed(tmp_path: Path, data: Path) -> None:
    command = ("eval", "run", "policy", "--part", "smoke", "--data", str(data), "--out", "rows.jsonl")
    assert opswright(tmp_path, *command).returncode == 0
    other = opswright(tmp_path, *command, "--seed", "2")
    assert other.returncode == 2
    assert "belongs to a run with another seed" in other.stderr
    assert opswright(tmp_path, *command, "--seed", "2", "--fresh").returncode == 0


def test_dry_run_counts_and_writes_nothing(tmp_path: Path, data: Path) -> None:
    done = opswright(tmp_path, "eval", "run", "policy", "--data", str(data), "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["cases"]["comparison"] == 380
    assert not (tmp_path / "state").exists()


def test_one_case_can_be_looked_at(tmp_path: Path, data: Path) -> None:
    done = opswright(tmp_path, "eval", "case", "policy", "3", "--seed", "3", "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)["result"]
    assert result["true"] != result["faulty"]
    assert len(result["spec"]["requests"]) == len(result["held_back"]) == 24
    assert result["faults"][0]["kind"]
