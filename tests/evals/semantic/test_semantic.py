"""The suite about similar questions: its pairs, its sums, its data."""

from pathlib import Path
from typing import Any

import pytest

from opswright.evals.cases import read_cases
from opswright.evals.finding import find_suite
from opswright.evals.semantic.pairs import family_pairs, strangers
from opswright.evals.semantic.parts import DEFAULT, Families
from opswright.evals.suites import Case

Json = Any
FOLDER = find_suite("semantic").cases
FAMILY = {
    "field": "storage",
    "question": "Show the files of node1",
    "answer": "node1: a, b",
    "holds": ["node1"],
    "same": ["List the files of node1"],
    "other": [
        {"question": "Show the files of node2", "holds": ["node2"]},
        {"question": "Show the disks of node1", "holds": []},
        # Nonsense: a look-alike that no mark can tell apart, to see that a false hit is counted.
        {"question": "Display the files of node1", "holds": []},
    ],
}


def test_every_wording_is_asked_first_once() -> None:
    pairs = family_pairs(FAMILY)
    assert len(pairs) == 2 * (1 + 3)
    same = [pair for pair in pairs if pair["kind"] == "same"]
    assert all(pair["agree"] and pair["valid"] and pair["differs"] == "" for pair in same)
    by_question = {pair["asked"]: pair for pair in pairs if pair["kind"] == "other"}
    assert (by_question["Show the files of node2"]["agree"], by_question["Show the files of node2"]["valid"]) == (
        False,
        False,
    )
    assert by_question["Show the disks of node1"]["differs"] == "words"
    assert by_question["Show the disks of node1"]["valid"], "no validator could tell"
    assert by_question["Display the files of node1"]["agree"]


def test_questions_of_other_families_are_counted() -> None:
    other = {**FAMILY, "question": "show files of node1?", "same": [], "other": []}
    found = strangers(FAMILY, [other, {**other, "question": "Why?"}])
    assert found["pairs"] == 4
    assert [pair[1] for pair in found["agree"]] == ["show files of node1?"] * 2


def test_hits_and_false_hits_are_summed_up(tmp_path: Path) -> None:
    part = Families("judged", tmp_path / "none.jsonl")
    row = {"pairs": family_pairs(FAMILY), "strangers": strangers(FAMILY, [])}
    summary = part.summarise({"f1": row, "f2": {"error": "no"}})
    figures = summary.figures
    at = f"{DEFAULT:g}"
    assert figures["hits"][at]["marks and validator"] == [2, 2]
    assert figures["false"][at]["vectors alone"] == [3, 6]
    assert figures["false"][at]["marks and validator"] == [2, 6], "the nonsense after either wording"
    assert summary.goals[0].met is False
    assert any("Display the files" in note for note in summary.notes)
    assert part.summarise({}).goals[0].met is None


def test_a_case_is_run_through_the_cache() -> None:
    part = Families("development", FOLDER / "development.jsonl")
    [first, *_] = part.cases()
    row = part.run(first)
    assert row["passed"] is True
    assert 0 <= row["score"] <= 1
    assert row["strangers"]["pairs"] > 300
    assert row == part.run(first)


@pytest.mark.parametrize("half", ["development", "judged"])
def test_the_families_are_well_formed(half: str) -> None:
    cases: list[Case] = list(read_cases(FOLDER / f"{half}.jsonl"))
    assert len(cases) == 30
    assert {case.data["field"] for case in cases} == {"storage", "logs", "chaos", "policy", "sql"}
    assert sum(len(case.data["same"]) for case in cases) >= 50
    assert sum(len(case.data["other"]) for case in cases) >= 50
    for case in cases:
        data = case.data
        texts = [data["question"], *data["same"], *(one["question"] for one in data["other"])]
        assert len(set(texts)) == len(texts), case.id
        assert all(word.casefold() in data["answer"].casefold() for word in data["holds"]), case.id


def test_the_judged_half_has_next_to_no_false_hits() -> None:
    part = Families("judged", FOLDER / "judged.jsonl")
    rows = {case.id: {"pairs": family_pairs(case.data), "strangers": strangers(case.data, [])} for case in part.cases()}
    [goal] = part.summarise(rows).goals
    assert goal.met is True, goal.measured
