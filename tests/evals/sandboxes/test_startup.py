"""The part `startup`: its sums are right, and its rounds really run."""

from pathlib import Path

import pytest

from opswright.evals.rows import VARIANTS, variants
from opswright.evals.sandboxes.startup import ROUNDS, Startup
from opswright.evals.sandboxes.ways import BARE, COLD, ENGINE, PROCESS, WARM
from opswright.nouns import Json
from opswright.settings.shape import SandboxSettings
from tests.live import docker_engine

PART = Startup(SandboxSettings(), seed=1)


def row(without: dict[str, str] | None = None, **each: list[float]) -> Json:
    """A row as `run` makes them; names of ways with underscores."""
    names = {"bare": BARE, "warm": WARM, "engine": ENGINE}
    timed = {names[name]: {"seconds": sum(values), "each_s": values} for name, values in each.items()}
    return {VARIANTS: timed, "without": without or {}}


def test_ratios_are_taken_within_a_round() -> None:
    slow, fast = (
        row(bare=[0.1] * 6, warm=[0.2] * 6, engine=[0.8] * 6),
        row(bare=[0.01] * 6, warm=[0.02] * 6, engine=[0.08] * 6),
    )
    summary = PART.summarise({"a": slow, "b": fast})
    lines = {line[0]: line for line in summary.tables[0].rows}
    assert lines[WARM][2:] == ("2 (2 to 2)", "0.25 (0.25 to 0.25)", "12")
    assert [goal.met for goal in summary.goals] == [True]


def test_a_goal_is_met_by_the_whole_interval_only() -> None:
    wide = row(bare=[0.1] * 8, warm=[0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9], engine=[0.5] * 8)
    assert [goal.met for goal in PART.summarise({"a": wide}).goals] == [False]


def test_what_could_not_be_measured_is_said() -> None:
    summary = PART.summarise(
        {"a": row({WARM: "no engine", ENGINE: "no engine"}, bare=[0.1] * 6), "b": {"error": "gone"}}
    )
    assert [line[0] for line in summary.tables[0].rows] == [BARE]
    assert [goal.met for goal in summary.goals] == [None]
    assert any("no engine" in note for note in summary.notes)


def test_cases_differ_by_seed_and_are_the_same_for_the_same() -> None:
    assert PART.cases() == Startup(SandboxSettings(), seed=1).cases() != Startup(SandboxSettings(), seed=2).cases()


@pytest.mark.live
def test_rounds_really_run() -> None:
    docker_engine()
    found = PART.run(PART.cases()[0])
    timed = variants(found)
    assert {BARE, PROCESS, WARM, COLD} <= timed.keys() | found["without"].keys()
    assert all(len(one["each_s"]) == ROUNDS and min(one["each_s"]) > 0 for one in timed.values())


def test_without_an_engine_the_rest_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    found = PART.run(PART.cases()[0])
    assert BARE in variants(found) and "nothing answers" in found["without"][WARM]
