"""The routing suite: rows of rules, models and both, its sums, its halves, the weights that the program ships."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from opswright.agents.routing.scoring import read_weights
from opswright.evals.cases import read_cases
from opswright.evals.finding import find_suite
from opswright.evals.routing import fit
from opswright.evals.routing.parts import Requests
from opswright.evals.routing.summing import summary
from opswright.evals.routing.training import joined, read_training, spans
from opswright.evals.suites import Case, Setup
from opswright.settings import Settings

from ..policy.endpoint import endpoint
from ..program import opswright, result_of, rows_of

HALVES = find_suite("routing").cases
Data = dict[str, Any]
LOGS: Data = {
    "kind": "single",
    "language": "en",
    "request": "Find anomalies in app.log",
    "tasks": [{"specialist": "logs"}],
}
NONE: Data = {"kind": "abstain", "language": "de", "request": "Schreib ein Gedicht", "tasks": []}


def setup(tmp_path: Path, **more: Any) -> Setup:
    settings = Settings(state_dir=tmp_path, cache_dir=tmp_path, config_dir=tmp_path)
    return Setup(settings, "routing", tmp_path / "recordings", tmp_path, **more)


def letters(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def test_the_halves_are_as_large_and_as_varied_as_they_must_be() -> None:
    halves = {half: read_cases(HALVES / f"{half}.jsonl") for half in ("development", "judged")}
    sizes = [len(cases) for cases in halves.values()]
    shared = {case.data["request"] for case in halves["judged"]} & {
        one.data["request"] for one in halves["development"]
    }
    fields = Counter(task["specialist"] for cases in halves.values() for case in cases for task in case.data["tasks"])
    counts = Counter(min(len(case.data["tasks"]), 2) for cases in halves.values() for case in cases)
    foreign = sum(case.data["language"] != "en" for cases in halves.values() for case in cases)
    assert sum(sizes) >= 200 and sizes[0] == sizes[1] and len(shared) == 0
    assert sorted(fields) == ["chaos", "logs", "policy", "sql", "storage"] and min(fields.values()) >= 20
    assert min(counts[0], counts[2], foreign) >= 20


def test_no_judged_request_was_written_down_for_training() -> None:
    judged = {letters(case.data["request"]) for case in read_cases(HALVES / "judged.jsonl")}
    written = {letters(one.text) for one in read_training()}
    assert len(judged & written) == 0


def test_a_row_holds_no_request_and_the_judged_half_shows_none(tmp_path: Path) -> None:
    part = Requests("judged", setup(tmp_path, tier="solver"))
    row = part.run(Case("r1", LOGS))
    assert (row["passed"], row["expected"], row["found"], row["tier"]) == (True, ["logs"], ["logs"], "solver")
    assert "anomalies" not in json.dumps(row) and set(row["rows"]) == {"solver"}
    assert "request" not in part.show(Case("r1", LOGS))
    assert "request" in Requests("development", part.setup).show(Case("r1", LOGS))


def test_sums(tmp_path: Path) -> None:
    part = Requests("development", setup(tmp_path, tier="solver"))
    rows = {str(at): part.run(Case(str(at), data)) for at, data in enumerate((LOGS, NONE))}
    rows["2"] = {**rows["0"], "expected": ["logs", "sql"]}
    rows["2"]["rows"] = {"solver": {**rows["0"]["rows"]["solver"], "found": [], "passed": False, "sure": True}}
    rows["3"] = {"error": "no"}
    found = part.summarise(rows)
    assert found.figures["solver"]["right"]["value"] == pytest.approx(2 / 3)
    assert found.figures["solver"]["abstention_precision"]["value"] == 0.5
    assert found.figures["solver"]["abstention_recall"]["value"] == 1
    assert [goal.met for goal in found.goals] == [False, None]
    tables = {table.title: table for table in found.tables}
    assert [row[:2] for row in tables["Exactly right, by specialist"].rows] == [
        ("all", "3"),
        ("logs", "2"),
        ("none", "1"),
        ("sql", "1"),
    ]
    confusion = tables["What was taken for what (solver); requests for one or none"]
    assert confusion.columns == ("expected", "logs", "none") and confusion.rows == (
        ("logs", "1", "0"),
        ("none", "0", "1"),
    )
    assert summary("x", []).goals[0].met is None


def run(tmp_path: Path, out: str, *more: str, **environment: str) -> dict[str, Any]:
    """The first cases of the development half, as the program runs them."""
    command = ["eval", "run", "routing", "--part", "development", "--limit", "12", "--out", out, "--json"]
    done = opswright(tmp_path, *command, "--recordings", str(tmp_path / "recordings"), *more, **environment)
    assert done.returncode == 0, done.stderr
    return {"digest": result_of(done)["digest"], "rows": rows_of(tmp_path / out)}


def test_a_model_s_answers_are_recorded_replayed_and_used_where_the_rules_are_not_sure(tmp_path: Path) -> None:
    nobody = {"tasks": [], "reason": "none of mine"}
    with endpoint(nobody) as served:
        recorded = run(tmp_path, "a.jsonl", "--record", "--answered-by", "a script", OPENAI_BASE_URL=served.url)
    replayed = run(tmp_path, "b.jsonl")
    assert recorded["digest"] == replayed["digest"] and len(served.asked) == len(replayed["rows"])
    for row in replayed["rows"].values():
        lines = row["rows"]
        assert set(lines) == {"solver", "low", "auto"} and lines["low"]["found"] == [] and lines["low"]["calls"] == 1
        assert lines["auto"]["found"] == (lines["solver"]["found"] if lines["solver"]["sure"] else [])
        assert row["found"] == lines["auto"]["found"]
    assert any(not row["rows"]["solver"]["sure"] for row in replayed["rows"].values())


def test_a_model_that_says_nonsense_leaves_the_rules_answer(tmp_path: Path) -> None:
    with endpoint({"nonsense": 1}) as served:
        found = run(tmp_path, "a.jsonl", "--env", "live", OPENAI_BASE_URL=served.url)
    for row in found["rows"].values():
        assert row["rows"]["auto"]["found"] == row["rows"]["solver"]["found"]
        assert row["rows"]["low"]["said"] == "ModelRetry" and row["rows"]["low"]["calls"] == 3


def test_the_weights_that_are_shipped_fit_the_vocabulary() -> None:
    weights = read_weights()
    development = fit.read_development()
    right = sum(fit.answer(one, weights)[0] == one.order for one in development)
    assert right >= 0.95 * len(development) and 0.8 < weights.sure <= 1
    assert any(feature.startswith("p:storage.filesystem") for feature in weights.clause)


def test_fitting_learns_what_it_is_shown_and_repeats_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    monkeypatch.setattr(fit, "ROUNDS", 60)
    some = [one for at, one in enumerate(read_training()) if one.language == "en" and at % 9 == 0]
    assert {name for one in some for name in one.order} == {"chaos", "logs", "policy", "sql", "storage"}
    weights = fit.fit(fit.examples_of(some, count=60))
    again = fit.fit(fit.examples_of(some, count=60))
    assert weights == again
    right = sum(fit.answer(one, weights)[0] == one.order for one in some)
    assert right >= 0.9 * len(some)
    fit.write(weights, tmp_path / "weights.json")
    assert json.loads((tmp_path / "weights.json").read_text())["clause"] == weights.clause


def test_joined_requests_know_whose_each_part_is() -> None:
    for one in joined(read_training(), 200, seed=3):
        ends = list(spans(one))
        assert ends[-1][0] == len(one.text) and all(text.strip() for _, text in one.parts)
        assert list(one.order) == [name for _, name in ends if name != "nobody"]
    assert joined(read_training(), 20, seed=3) == joined(read_training(), 20, seed=3)


def test_sure_is_where_nearly_all_are_right() -> None:
    answers = [(True, 0.99)] * 300 + [(False, 0.5)] * 20 + [(True, 0.4)] * 20
    assert fit.sure_from(answers) == 0.99 and fit.sure_from([(True, 0.9)] * 300 + [(False, 0.8)]) == 0.8
    assert fit.sure_from([(False, 0.9)] * 100) == 1.0
