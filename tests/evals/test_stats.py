"""Statistics against values known from elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.evals import stats


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),  # Brown, Cai and DasGupta 2001; R: prop.test(8, 10, correct=FALSE)
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (15, 148, 0.0624, 0.1605),  # Newcombe 1998, method 3
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, method 3
    ],
)
def test_wilson(hits: int, n: int, low: float, high: float) -> None:
    found = stats.wilson(hits, n)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_nothing_and_of_nonsense() -> None:
    assert stats.wilson(0, 0) is None
    with pytest.raises(ValueError, match="11 hits in 10"):
        stats.wilson(11, 10)


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [([1, 2, 3, 4], 0.5, 2.5), ([4, 1, 3, 2], 0.25, 1.75), ([1, 2, 3, 4], 0.99, 3.97), ([7], 0.3, 7), ([1, 9], 1, 9)],
)
def test_quantile(values: list[float], q: float, expected: float) -> None:
    assert stats.quantile(values, q) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(5, 1, 5), (6, 1, 6), (10, 2, 9), (20, 6, 15), (50, 18, 33), (100, 40, 61)],  # Conover, table of the sign test
)
def test_median_interval_is_the_tables(n: int, low: int, high: int) -> None:
    found = stats.median(list(range(1, n + 1)))
    assert found is not None
    assert (found.low, found.high) == (low, high)


def test_median_interval_beyond_the_exact_range() -> None:
    exact, approximate = stats.median(list(range(999))), stats.median(list(range(1000)))
    assert exact is not None and approximate is not None
    assert abs(exact.low - approximate.low) <= 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(5, 9)), min_size=1, max_size=30))
def test_ratio_of_totals_brackets_its_value(parts: list[tuple[int, int]]) -> None:
    found = stats.ratio_of_totals(parts, rounds=50)
    assert found is not None
    assert found.value == pytest.approx(sum(h for h, _ in parts) / sum(n for _, n in parts))
    assert 0 <= found.low <= found.high <= 1
    assert found == stats.ratio_of_totals(parts, rounds=50)


def test_clusters_widen_the_interval() -> None:
    together = stats.ratio_of_totals([(10, 10), (0, 10)] * 20)
    apart = stats.wilson(200, 400)
    assert together is not None and apart is not None
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_mean_interval() -> None:
    found = stats.mean([1.0, 2.0, 3.0, 4.0, 5.0] * 10)
    assert found is not None
    assert found.value == pytest.approx(3)
    assert found.low == pytest.approx(3 - 1.96 * 2**0.5 / 50**0.5, abs=0.08)
    assert stats.mean([]) is None


@pytest.mark.parametrize(("better", "worse", "p"), [(9, 1, 0.021484375), (5, 5, 1.0), (0, 0, 1.0), (0, 6, 0.03125)])
def test_sign_test(better: int, worse: int, p: float) -> None:
    assert stats.sign_test(better, worse) == pytest.approx(p)
