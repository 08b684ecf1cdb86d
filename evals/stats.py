"""Statistics of the result tables: intervals for shares and medians, percentiles. Pure functions of numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution


@dataclass(frozen=True)
class Interval:
    """A point estimate with its 95 % interval; `n` is the sample's size."""

    value: float
    low: float
    high: float
    n: int


def wilson(hits: int, n: int) -> Interval | None:
    """Wilson's score interval of a share (Wilson 1927); None for an empty sample."""
    if n == 0:
        return None
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} hits in {n}")
    share, z2 = hits / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half), n)


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile with linear interpolation between order statistics (Hyndman and Fan's type 7)."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    lower = math.floor(position)
    upper = min(lower + 1, len(ordered) - 1)
    return ordered[lower] + (position - lower) * (ordered[upper] - ordered[lower])


def median(values: Sequence[float]) -> Interval | None:
    """The median with the distribution-free interval of order statistics; None for an empty sample.

    The interval is the narrowest symmetric pair of order statistics whose binomial coverage reaches 95 %; a sample
    too small for that (n < 6) gets its whole range.
    """
    if not values:
        return None
    ordered = sorted(values)
    n = len(ordered)
    rank = _median_rank(n)
    return Interval(quantile(ordered, 0.5), ordered[rank], ordered[n - 1 - rank], n)


def _median_rank(n: int) -> int:
    """Largest r such that the order statistics r and n-1-r (from 0) cover the median with at least 95 %."""
    tail, rank, power = 0.0, -1, 0.5**n if n < 1000 else 0.0
    if not power:  # beyond doubles: the normal approximation of the binomial
        return max(0, math.floor(n / 2 - Z95 * math.sqrt(n) / 2) - 1)
    for r in range(n // 2):
        tail += math.comb(n, r) * power
        if 2 * tail > 0.05:
            break
        rank = r
    return max(rank, 0)


def mean(values: Sequence[float], seed: int = 0, rounds: int | None = None) -> Interval | None:
    """The mean with the percentile bootstrap's 95 % interval (seeded, so that a report repeats itself).

    By default 2,000 rounds, fewer from 1,000 values on and never fewer than 200: large samples move little.
    """
    if not values:
        return None
    rounds = rounds or max(200, min(2000, 2_000_000 // len(values)))
    rng, n = Random(seed), len(values)
    means = sorted(math.fsum(rng.choices(values, k=n)) / n for _ in range(rounds))
    return Interval(math.fsum(values) / n, quantile(means, 0.025), quantile(means, 0.975), n)


def ratio_of_totals(parts: Sequence[tuple[int, int]], seed: int = 0, rounds: int = 2000) -> Interval | None:
    """Sum of hits over sum of sizes, for samples drawn in clusters (the requests of one case hang together).

    The interval resamples whole clusters: requests of one policy are not independent of each other.
    """
    total = sum(size for _, size in parts)
    if not total:
        return None
    rng, shares = Random(seed), []
    for _ in range(rounds):
        drawn = rng.choices(parts, k=len(parts))
        size = sum(s for _, s in drawn)
        if size:
            shares.append(sum(h for h, _ in drawn) / size)
    shares.sort()
    return Interval(sum(h for h, _ in parts) / total, quantile(shares, 0.025), quantile(shares, 0.975), len(parts))


def sign_test(better: int, worse: int) -> float:
    """Two-sided exact sign test (McNemar's exact test on discordant pairs): the p-value of `better` against `worse`."""
    n, k = better + worse, min(better, worse)
    if n == 0:
        return 1.0
    return min(1.0, float(2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n))
