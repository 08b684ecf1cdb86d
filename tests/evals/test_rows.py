"""The form of a row: what the clock did is no part of its name, and every suite's table comes from the same keys."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.evals import common
from opswright.evals.rows import digest_of, score, spent, timeless, variants

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.dictionaries(st.text(min_size=1, max_size=4), st.dictionaries(st.text(max_size=6), VALUES, max_size=4))


@given(ROWS, st.floats(allow_nan=False, allow_infinity=False), st.randoms(use_true_random=False))
def test_order_and_time_do_not_name_rows(rows: dict[str, dict[str, Any]], took: float, random: Any) -> None:
    other = copy.deepcopy(rows)
    ids = list(other)
    random.shuffle(ids)
    shuffled = {id: {**other[id], "seconds": took, "rows": {"x": {"cpu_ms": took, **other[id]}}} for id in ids}
    first = {id: {**row, "seconds": 1.0, "rows": {"x": {**row, "cpu_ms": 2.0}}} for id, row in rows.items()}
    assert digest_of(first) == digest_of(shuffled)


@given(ROWS)
def test_anything_else_does(rows: dict[str, dict[str, Any]]) -> None:
    changed = {**rows, "another": {"passed": True}}
    assert digest_of(rows) != digest_of(changed) or rows.get("another") == {"passed": True}


def test_the_clocks_keys() -> None:
    row = {"seconds": 1, "ms": 2, "peer_ms": 3, "settle_s": 4, "wall_seconds": 5, "items": 6, "runs": 7, "forms": 8}
    assert timeless(row) == {"items": 6, "runs": 7, "forms": 8}


def test_variants_are_lines_of_their_own() -> None:
    row = {"passed": True, "rows": {"low": {"passed": False}, "high": {"passed": True}}}
    assert variants(row) == row["rows"]
    assert variants({"passed": True}) == {"": {"passed": True}}
    assert variants({"passed": True, "rows": [1, 2]}) == {"": {"passed": True, "rows": [1, 2]}}


@pytest.mark.parametrize(
    ("row", "expected"),
    [({"score": 0.5, "passed": True}, 0.5), ({"passed": True}, 1.0), ({"passed": False}, 0.0), ({"other": 1}, None)],
)
def test_score(row: dict[str, Any], expected: float | None) -> None:
    assert score(row) == expected


def test_sums_forgive_what_a_row_does_not_say() -> None:
    found = spent([{"tokens_in": 3, "cost_usd": 0.5, "estimated": True}, {"tokens_out": 2, "tokens_in": None}, {}])
    assert (found["tokens_in"], found["tokens_out"], found["cost_usd"], found["estimated"]) == (3, 2, 0.5, True)


ROWS_OF_A_PART: dict[str, Any] = {
    "a": {"passed": True, "score": 1.0, "tier": "solver", "seconds": 1.0, "tokens_in": 10, "tokens_out": 1},
    "b": {
        "passed": False,
        "score": 0.5,
        "tier": "low",
        "seconds": 3.0,
        "estimated": True,
        "cost_usd": 0.25,
        "calls": 2,
    },
    "c": {"passed": True, "score": 0.75, "tier": "solver", "seconds": 2.0, "cached_tokens": 7},
    "d": {"error": "EnvironmentFailed: the weather"},
}


def test_the_common_table() -> None:
    (line,) = common.table({"p": ROWS_OF_A_PART}).rows
    told = dict(zip(common.COLUMNS, line, strict=True))
    assert (told["part"], told["cases"], told["failed"]) == ("p", "3", "1")
    assert told["passed"].startswith("66.7 % [") and told["score"].startswith("0.75 [")
    assert told["tokens in/out"] == "about 10/1 (7 cached)"
    assert (told["calls"], told["USD"], told["seconds"]) == ("2", "0.2500", "6.0, 2.000")
    assert told["tiers"] == "solver 67 %, low 33 %"


def test_the_common_figures_and_what_was_missed() -> None:
    found = common.figures(ROWS_OF_A_PART)
    assert found["passed"]["n"] == found["cases"] == 3
    assert found["tiers"] == {"solver": 2, "low": 1}
    assert list(common.missed(ROWS_OF_A_PART)) == [
        "not passed: b",
        "1 of 4 cases failed; d: EnvironmentFailed: the weather",
    ]


def test_a_part_of_which_nothing_was_measured() -> None:
    (line,) = common.table({"p": {"a": {"error": "x"}}}).rows
    assert dict(zip(common.COLUMNS, line, strict=True))["passed"] == "-"
    assert common.figures({})["cases"] == 0
