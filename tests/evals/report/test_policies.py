"""Ways to choose a tier, on cases small enough to count by hand."""

from typing import Any

import pytest

from opswright.evals.peers import COMPLEXITY
from opswright.evals.report.policies import Standing, standings
from opswright.evals.report.pte import GAMMA, prefill_token_equivalents


def one(passed: bool, tokens: int, status: str = "accepted") -> dict[str, Any]:
    return {"passed": passed, "status": status, "tokens_in": tokens, "tokens_out": 0, "calls": int(tokens > 0)}


def case(solver: dict[str, Any], low: dict[str, Any], high: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"rows": {"solver": solver, "low": low, "high": high}, **more}


ROWS = {
    "a": case(one(True, 0), one(True, 100), one(True, 1000), complexity_tier="low"),
    "b": case(one(False, 0, "rejected"), one(True, 100), one(True, 1000), complexity_tier="high"),
    "c": case(one(False, 0, "rejected"), one(False, 100, "undecided"), one(True, 1000), complexity_tier="low"),
    "d": case(one(False, 0), one(False, 100), one(False, 1000), complexity_tier="low"),
}


def by_name(rows: dict[str, Any]) -> dict[str, Standing]:
    return {standing.name: standing for standing in standings(rows)}


def test_each_way_counts_what_it_took_and_what_it_paid() -> None:
    found = by_name(ROWS)
    quality = {name: standing.quality.value for name, standing in found.items()}
    assert quality["always solver"] == 0.25 and quality["always low"] == 0.5 and quality["always high"] == 0.75
    # a: solver; b: low after the solver; c: high after both; d: the solver's, accepted and wrong
    assert quality["ours"] == 0.75
    assert found["ours"].pte == (0 + 100 + 1100 + 0) / 4
    assert found["ours"].mix == {"solver": 0.5, "low": 0.25, "high": 0.25}
    # the oracle takes the cheapest that is right, and where none is, the cheapest
    assert quality["oracle"] == 0.75 and found["oracle"].pte == (0 + 100 + 1000 + 0) / 4
    assert quality["LiteLLM's complexity router"] == 0.5
    assert found["LiteLLM's complexity router"].pte == (100 + 1000 + 100 + 100) / 4


def test_chance_costs_what_ours_does_and_is_the_best_mixture() -> None:
    found = by_name(ROWS)
    chance, ours = found["chance at the cost of ours"], found["ours"]
    assert chance.pte == pytest.approx(ours.pte)
    # low and high mixed: 300 = 100 + share * 900
    assert chance.quality.value == pytest.approx(0.5 + 2 / 9 * 0.25)
    assert sum(chance.mix.values()) == pytest.approx(1)


def test_where_the_product_chose_by_itself_that_is_ours() -> None:
    rows = {
        id: {**row, "rows": {**row["rows"], "auto": {**one(id == "d", 7), "tier": "low"}}} for id, row in ROWS.items()
    }
    ours = by_name(rows)["ours"]
    assert (ours.quality.value, ours.pte, ours.mix) == (0.25, 7, {"low": 1.0})


def test_the_peer_is_left_out_where_it_was_not_asked() -> None:
    rows = {id: {name: value for name, value in row.items() if name != COMPLEXITY} for id, row in ROWS.items()}
    assert "LiteLLM's complexity router" not in by_name(rows)


@pytest.mark.parametrize(
    "rows", [{}, {"a": {"passed": True}}, {"a": {"error": "no"}}, {"a": {"rows": {"low": one(True, 1)}}}]
)
def test_rows_of_one_tier_have_no_ways_to_choose(rows: dict[str, Any]) -> None:
    assert standings(rows) == ()


def test_a_case_that_failed_is_left_out() -> None:
    assert by_name({**ROWS, "e": {"error": "EndpointFailed"}})["ours"].quality.n == 4


def test_prefill_token_equivalents() -> None:
    assert prefill_token_equivalents({}) == 0
    assert prefill_token_equivalents({"tokens_in": 1000, "calls": 1}) == 1000
    assert prefill_token_equivalents({"tokens_in": 1000, "cached_tokens": 400, "calls": 1}) == 600
    written = prefill_token_equivalents({"tokens_in": 1000, "tokens_out": 100, "calls": 1})
    assert written == pytest.approx(1000 + 100 * (1 + GAMMA * 1050))
    # the same tokens in two calls have half the context each
    assert prefill_token_equivalents({"tokens_in": 1000, "tokens_out": 100, "calls": 2}) < written
    assert 1e-4 < GAMMA < 1e-3


def test_ours_may_cost_less_than_every_tier() -> None:
    rows = {id: {"rows": {"low": one(True, 10), "high": one(True, 50), "auto": one(True, 0)}} for id in ("a", "b")}
    found = by_name(rows)
    assert found["ours"].pte == 0
    assert "chance at the cost of ours" not in found
