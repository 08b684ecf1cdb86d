"""The recorded answers to routing questions still fit: prompt, fields and requests are what they were when asked."""

from pathlib import Path

import pytest

from opswright.evals.routing.suite import SUITE
from opswright.evals.suites import Case, Part, Setup
from opswright.settings import load_settings

ROOT = Path(__file__).parents[3]
EVERY = 12  # of the cases: each is a run of its own


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, Part]:
    settings = load_settings(environment={"HOME": str(tmp_path)}, folder=tmp_path)
    recordings, cases = ROOT / "evals/recordings/routing", ROOT / "evals/cases/routing"
    return {part.name: part for part in SUITE.open(Setup(settings, "routing", recordings, cases))}


@pytest.mark.parametrize("name", ["development", "judged", "others"])
def test_recorded_answers_still_replay(parts: dict[str, Part], name: str) -> None:
    part = parts[name]
    some: list[Case] = list(part.cases())[::EVERY]
    assert len(some) >= 10
    for case in some:
        row = part.run(case)
        assert set(row["rows"]) == {"solver", "low", "auto"}, "a model was not asked"
        assert row["rows"]["low"]["calls"] == 1 and row["rows"]["low"]["said"] == "", case.id


def test_every_label_is_a_field_and_every_id_is_there_once(parts: dict[str, Part]) -> None:
    names = {"storage", "chaos", "policy", "sql", "logs"}
    ids = [(part.name, case.id) for part in parts.values() for case in part.cases()]
    assert len(ids) == len(set(ids)) >= 400
    for part in parts.values():
        for case in part.cases():
            assert {task["specialist"] for task in case.data["tasks"]} <= names, case.id
