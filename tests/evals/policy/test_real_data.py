"""A few cases of each part over the real data folder; skipped where there is none."""

import os
from pathlib import Path
from random import Random

import pytest

from opswright.errors import InputError
from opswright.evals.data import data_folder
from opswright.evals.policy.comparison import GROUPS, ComparisonPart
from opswright.evals.policy.corpus import CLOUDFIX, MANAGED, QUACKY, documents, refused
from opswright.evals.policy.faults import KINDS, inject
from opswright.evals.policy.headline import Headline
from opswright.evals.policy.methods import GENERALISE, NOTHING, PATCH, STRICT
from opswright.evals.policy.models import Models, recordings_folder
from opswright.evals.policy.smoke import Smoke
from opswright.evals.suites import Case
from opswright.settings import Settings
from opswright.tools.iam.actions import load

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return data_folder(None, dict(os.environ), CHECKOUT)
    except InputError as error:
        pytest.skip(str(error))


def test_every_kind_but_the_rarest_has_documents(folder: Path) -> None:
    actions = load()
    pool = [*documents(folder, QUACKY), *documents(folder, MANAGED)[::8]]
    for kind in KINDS:
        found = sum(inject(document.value, kind, Random(1), actions) is not None for document in pool)
        assert found >= (2 if kind.name == "principal_dropped" else 5), kind.name


def test_headline_cases(folder: Path) -> None:
    part = Headline(folder, 11)
    rows = {str(at): part.run(Case(str(at), {"index": at})) for at in range(3)}
    for row in rows.values():
        scores = row["rows"]
        assert scores[NOTHING]["given"][0] < scores[NOTHING]["given"][1]
        assert scores[PATCH]["given"][0] == scores[PATCH]["given"][1]
        assert scores[STRICT]["wider"] is not True
        assert all(score["contradicted_by"] is None for score in scores.values())
        assert scores[GENERALISE]["held"][0] >= scores[NOTHING]["held"][0]


def test_smoke_cases(folder: Path) -> None:
    part = Smoke(folder, 1)
    for case in part.cases()[::94]:
        row = part.run(case)
        assert row["rows"][STRICT]["met"] == row["rows"][STRICT]["all"]


@pytest.mark.parametrize("group", [group for group, _ in GROUPS])
def test_comparison_cases(folder: Path, group: str) -> None:
    row = ComparisonPart(folder, 11).run(Case(f"{group}/0", {"group": group, "at": 0}))
    assert not any(direction["wrong"] or direction["differs"] for direction in row["directions"])


def test_what_the_parser_refuses_is_told(folder: Path) -> None:
    assert len(documents(folder, CLOUDFIX)) + len(refused(folder, CLOUDFIX)) <= 188
    assert not refused(folder, MANAGED)


def test_recorded_answers_still_replay(folder: Path, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path / "state", cache_dir=tmp_path / "cache", config_dir=tmp_path / "config")
    part = Models(folder, 1, settings, recordings_folder(), tiers=("mid", "high"))
    cases = part.cases()
    assert len(cases) >= 40
    for case in cases[::6]:
        row = part.run(case)  # a question that was never recorded raises RecordingMissing
        assert all(row["rows"][tier]["calls"] for tier in ("mid", "high"))
        assert all(row["rows"][tier]["estimated"] for tier in ("mid", "high"))
