"""Two result files, pair by pair; by the pure function and as a program."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from opswright.errors import InputError
from opswright.evals.comparing import compare, difference
from opswright.evals.results import ResultFile, ResultSet, newest_results, read_results

from .program import opswright, result_of

HEADER = {"suite": "s", "seed": 1, "code": "c", "data": "d"}


def _set(rows: Mapping[str, Any], part: str = "p", **header: Any) -> ResultSet:
    return ResultSet(Path("a.jsonl"), {**HEADER, **header}, {part: rows})


def _marks(text: str) -> dict[str, Any]:
    return {f"c{at:02}": {"passed": mark == "+"} for at, mark in enumerate(text)}


def test_equal_files_have_nothing_to_say() -> None:
    found = compare(_set(_marks("+-+")), _set(_marks("+-+")))
    (line,) = found.lines
    assert (line.regressions, line.gains, line.p, line.pairs) == ((), (), 1.0, 3)
    assert not found.beyond(0.0) and not found.unpaired and not found.headers


def test_regressions_and_gains_are_named() -> None:
    (line,) = compare(_set(_marks("++--")), _set(_marks("-++-"))).lines
    assert (line.regressions, line.gains, line.passed) == (("c00",), ("c02",), (2, 2))
    assert line.change is not None and line.change.value == 0


@pytest.mark.parametrize(("threshold", "beyond"), [(0.0, True), (0.09, True), (0.1, False), (1.0, False)])
def test_the_threshold_is_a_share_of_the_cases(threshold: float, beyond: bool) -> None:
    found = compare(_set(_marks("+" * 10)), _set(_marks("-" + "+" * 9)))
    assert bool(found.beyond(threshold)) is beyond


def test_many_regressions_are_too_many_whatever_the_threshold() -> None:
    found = compare(_set(_marks("+" * 20)), _set(_marks("-" * 6 + "+" * 14)))
    assert found.lines[0].p == pytest.approx(2 * 0.5**6)
    assert found.beyond(0.5)


def test_six_regressions_against_six_gains_are_chance() -> None:
    found = compare(_set(_marks("+" * 6 + "-" * 6)), _set(_marks("-" * 6 + "+" * 6)))
    assert not found.lines[0].significant
    assert found.beyond(0.4) and not found.beyond(0.5)


def test_scores_alone_are_compared_too() -> None:
    rng = random.Random(1)
    a = {str(at): {"score": 0.5 + rng.random() / 10} for at in range(50)}
    b = {id: {"score": row["score"] - 0.01} for id, row in a.items()}
    (line,) = compare(_set(a), _set(b)).lines
    assert line.p is None and len(line.regressions) == 50
    assert line.change is not None and line.change.value == pytest.approx(-0.01)
    assert line.significant
    (other,) = compare(_set(b), _set(a)).lines
    assert not other.significant and len(other.gains) == 50


def test_a_case_that_can_no_longer_be_measured_counts_as_worse() -> None:
    broken = {**_marks("++++"), "c03": {"error": "EnvironmentFailed: gone"}}
    found = compare(_set(_marks("++++")), _set(broken))
    assert found.lines[0].lost == ("c03",) and found.lines[0].pairs == 3
    assert found.beyond(0.2) and not found.beyond(0.25)
    assert found.unpaired[0].failed_b == ("c03",)
    assert not compare(_set(broken), _set(_marks("++++"))).beyond(0.0)


def test_what_only_one_file_has_is_named() -> None:
    found = compare(_set(_marks("+++")), _set({**_marks("++"), "new": {"passed": True}}))
    (one,) = found.unpaired
    assert (one.only_a, one.only_b) == (("c02",), ("new",))
    assert found.lines[0].pairs == 2


def test_variants_are_compared_each_with_itself() -> None:
    a = {"x": {"passed": True, "rows": {"low": {"passed": True}, "high": {"passed": True, "tokens_in": 5}}}}
    b = {"x": {"passed": True, "rows": {"low": {"passed": False}, "high": {"passed": True, "tokens_in": 9}}}}
    found = compare(_set(a), _set(b))
    assert [line.name for line in found.lines] == ["p: low", "p: high"]
    assert [line.name for line in found.beyond(0.5)] == ["p: low"]
    assert difference(found.lines[1])["tokens_in"] == 4


@pytest.mark.parametrize("name", ["suite", "seed", "data", "cases"])
def test_other_cases_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"cannot be compared with .*: they are of {name} "):
        compare(_set(_marks("+")), _set(_marks("+"), **{name: "other"}))


def test_other_code_and_tiers_are_what_is_compared() -> None:
    found = compare(_set(_marks("+")), _set(_marks("+"), code="e", tier="low"))
    assert found.headers == {"code": ("c", "e"), "tier": (None, "low")}


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(InputError, match="no part in common"):
        compare(_set(_marks("+")), _set(_marks("+"), part="q"))
    with pytest.raises(InputError, match="no measured case in common"):
        compare(_set({"a": {"passed": True}}), _set({"b": {"passed": True}}))


def _write(path: Path, rows: Mapping[str, Any], **header: Any) -> Path:
    results = ResultFile(path, {**HEADER, **header})
    results.open()
    for id, row in rows.items():
        results.add("p", id, row)
    results.close()
    return path


def test_as_a_program(tmp_path: Path) -> None:
    _write(tmp_path / "a.jsonl", _marks("+++-"))
    _write(tmp_path / "b.jsonl", _marks("-+++"), code="e")
    done = opswright(tmp_path, "eval", "compare", "a.jsonl", "b.jsonl", "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["status"] == "found"
    (line,) = result_of(done)["lines"]
    assert (line["regressions"], line["gains"], line["passed"]) == (["c00"], ["c03"], [3, 3])
    assert result_of(done)["differing"] == {"code": ["c", "e"]} and result_of(done)["beyond"] == ["p"]
    text = opswright(tmp_path, "eval", "compare", "a.jsonl", "b.jsonl")
    assert "p, worse: c00" in text.stdout and "p, better: c03" in text.stdout and "code: c -> e" in text.stdout
    assert opswright(tmp_path, "eval", "compare", "a.jsonl", "b.jsonl", "--threshold", "0.25").returncode == 0


def test_a_suites_name_is_its_newest_results(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "opswright" / "evals"
    folder.mkdir(parents=True)
    old = _write(folder / "old.jsonl", _marks("++"))
    _write(folder / "new.jsonl", _marks("+-"), code="e")
    (folder / "other.jsonl").write_text("not ours\n")
    import os

    os.utime(old, (1, 1))
    assert newest_results(folder, "s") == folder / "new.jsonl"
    done = opswright(tmp_path, "eval", "compare", str(old), "s", "--json")
    assert done.returncode == 1 and result_of(done)["b"].endswith("new.jsonl")


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("a.jsonl", "nothing", "nothing: is neither a result file nor a suite with results in"),
        ("a.jsonl", "empty.jsonl", "empty.jsonl: not a result file of this program"),
        ("a.jsonl", "text.jsonl", "text.jsonl:1: not a line of a result file"),
        ("a.jsonl", "seed.jsonl", "they are of seed 1 and 2"),
        ("a.jsonl", ".", ".: is neither a result file nor a suite"),
        ("a.jsonl", "odd.jsonl", "odd.jsonl:2: not a line of a result file"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path: Path, a: str, b: str, message: str) -> None:
    _write(tmp_path / "a.jsonl", _marks("+"))
    _write(tmp_path / "seed.jsonl", _marks("+"), seed=2)
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "text.jsonl").write_text("hello\n")
    (tmp_path / "odd.jsonl").write_text('{"schema":"opswright-eval/1","suite":"s","seed":1}\n{"part":"p"}\n')
    done = opswright(tmp_path, "eval", "compare", a, b)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_cut_off_line_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", _marks("+++"))
    path.write_bytes(path.read_bytes()[:-4])
    assert set(read_results(path).rows["p"]) == {"c00", "c01"}
