"""Ways to choose a tier, over cases that went through every tier: each always, ours, the oracle, chance, a peer. Pure.

A row's variants named after tiers are what each of them made of the case, `auto` what the product did by itself. Where
no row has that, ours is what it would do: up from the cheapest tier, stopping at the first whose result its own
validator accepted (whether it is right only the scorer knows), and paying for all it tried. The oracle knows. Chance at
equal cost mixes two always-tiers so that the mean cost is ours. LiteLLM's complexity router reads the request alone;
its choice stands in the row where the suite asked it. Quality is the share that passed, else the mean score.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opswright.evals import stats
from opswright.evals.peers import COMPLEXITY
from opswright.evals.report.pte import prefill_token_equivalents
from opswright.evals.rows import SUMMED, Row, ran, score, variants
from opswright.nouns import Tier

AUTO = "auto"
TIERS = tuple(tier.value for tier in Tier)
Tiered = Mapping[str, Row]  # one case, by tier
Choice = Callable[[Tiered, Row], Sequence[str]]  # the tiers that are tried; the last one's result counts


@dataclass(frozen=True)
class Standing:
    """What one way of choosing comes to. `quality`: mean score with its interval; costs are means for one case."""

    name: str
    quality: stats.Interval
    cost_usd: float
    tokens: float
    pte: float
    mix: Mapping[str, float]  # share of cases that each tier's result was taken of


def tiered(rows: Mapping[str, Row]) -> dict[str, tuple[Tiered, Row]]:
    """The cases that have a scored result of at least two tiers, and of the same tiers all."""
    found = {id: (_by_tier(row), row) for id, row in rows.items() if ran(row)}
    names = [set(by_tier) for by_tier, _ in found.values()]
    shared = set.intersection(*names) if names else set()
    if len(shared) < 2:
        return {}
    return {id: ({t: by_tier[t] for t in TIERS if t in shared}, row) for id, (by_tier, row) in found.items()}


def standings(rows: Mapping[str, Row]) -> tuple[Standing, ...]:
    """Every way of choosing side by side; empty where the rows are of one tier."""
    cases = list(tiered(rows).values())
    if not cases:
        return ()
    always = [_standing(f"always {tier}", cases, _always(tier)) for tier in cases[0][0]]
    itself = all(AUTO in variants(row) for _, row in cases)
    ours = _standing("ours", [({AUTO: variants(row)[AUTO]}, row) for _, row in cases] if itself else cases, _cascade)
    chance = _by_chance(always, ours)
    found = [*always, ours, *([chance] if chance else []), _standing("oracle", cases, _oracle)]
    if all(row.get(COMPLEXITY) in by_tier for by_tier, row in cases):
        found.append(_standing("LiteLLM's complexity router", cases, lambda by_tier, row: (row[COMPLEXITY],)))
    return tuple(found)


def _quality(row: Row) -> float:
    passed = row.get("passed")
    return float(passed) if isinstance(passed, bool) else score(row) or 0.0


def _by_tier(row: Row) -> dict[str, Row]:
    return {tier: one for tier, one in variants(row).items() if tier in TIERS and score(one) is not None}


def _always(tier: str) -> Choice:
    return lambda by_tier, row: (tier,)


def _cascade(by_tier: Tiered, row: Row) -> Sequence[str]:
    """Cheapest first, until one is accepted by its own validator."""
    tried = []
    for tier, one in by_tier.items():
        tried.append(tier)
        if one.get("status", "accepted") == "accepted":
            break
    return tried


def _oracle(by_tier: Tiered, row: Row) -> Sequence[str]:
    """The cheapest of the best."""
    best = max(map(_quality, by_tier.values()))
    good = [tier for tier, one in by_tier.items() if _quality(one) >= best]
    return (min(good, key=lambda tier: (prefill_token_equivalents(by_tier[tier]), TIERS.index(tier))),)


def _standing(name: str, cases: Sequence[tuple[Tiered, Row]], choose: Choice) -> Standing:
    chosen = [(by_tier, choose(by_tier, row)) for by_tier, row in cases]
    sums = [_sum([by_tier[tier] for tier in tried]) for by_tier, tried in chosen]
    quality = _mean([by_tier[tried[-1]] for by_tier, tried in chosen])
    n = len(chosen)
    return Standing(
        name,
        quality,
        cost_usd=sum(one["cost_usd"] for one in sums) / n,
        tokens=sum(one["tokens_in"] + one["tokens_out"] for one in sums) / n,
        pte=sum(one["pte"] for one in sums) / n,
        mix={tier: share for tier in TIERS if (share := sum(_taken(*one) == tier for one in chosen) / n)},
    )


def _taken(by_tier: Tiered, tried: Sequence[str]) -> str:
    """The tier whose result counts; the product says itself which that was."""
    return str(by_tier[AUTO].get("tier", "")) if tried[-1] == AUTO else tried[-1]


def _mean(rows: Sequence[Row]) -> stats.Interval:
    """Wilson's interval where every row says whether it passed, else a bootstrap of the scores."""
    marked = [row["passed"] for row in rows if isinstance(row.get("passed"), bool)]
    whole = len(marked) == len(rows)
    found = stats.wilson(sum(marked), len(marked)) if whole else stats.mean([_quality(row) for row in rows])
    assert found is not None  # there is at least one case
    return found


def _sum(rows: Sequence[Row]) -> dict[str, float]:
    sums: dict[str, float] = {name: sum(row.get(name) or 0 for row in rows) for name in SUMMED}
    return {**sums, "pte": sum(prefill_token_equivalents(row) for row in rows)}


def _by_chance(always: Sequence[Standing], ours: Standing) -> Standing | None:
    """The best mixture of two always-tiers that costs what ours does (in prefill-token equivalents).

    None where ours costs less than every tier does.
    """
    name = "chance at the cost of ours"
    mixtures = [_mixed(name, low, high, ours.pte) for low in always for high in always]
    return max((one for one in mixtures if one is not None), key=lambda one: one.quality.value, default=None)


def _mixed(name: str, low: Standing, high: Standing, pte: float) -> Standing | None:
    """`low` and `high` drawn so that the mean costs `pte`; None where no share of them does."""
    if low.pte == high.pte:
        share = 0.0 if low.pte <= pte else None
    else:
        share = (pte - low.pte) / (high.pte - low.pte)
        share = share if 0 <= share <= 1 else 1.0 if max(low.pte, high.pte) <= pte and high.pte > low.pte else None
    if share is None:
        return None

    def between(a: float, b: float) -> float:
        return a + share * (b - a)

    a, b = low.quality, high.quality
    quality = stats.Interval(between(a.value, b.value), between(a.low, b.low), between(a.high, b.high), a.n)
    mix = {tier: between(low.mix.get(tier, 0.0), high.mix.get(tier, 0.0)) for tier in {**low.mix, **high.mix}}
    costs = between(low.cost_usd, high.cost_usd), between(low.tokens, high.tokens), between(low.pte, high.pte)
    return Standing(name, quality, *costs, {tier: part for tier, part in mix.items() if part})
