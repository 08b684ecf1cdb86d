"""One part of the suite: a half of the families, and what hits and false hits come to at every threshold."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opswright.evals import stats
from opswright.evals.cases import read_cases
from opswright.evals.rows import ran
from opswright.evals.suites import Case, Goal, Summary, Table
from opswright.evals.text import count, share
from opswright.nouns import Json
from opswright.settings import SemanticRule

THRESHOLDS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)
DEFAULT: float = SemanticRule.model_fields["threshold"].default
MOST_FALSE = 0.01
Counts = Callable[[Json], bool]  # whether a pair that is near enough would have been a hit
WAYS: Mapping[str, Counts] = {
    "vectors alone": lambda pair: True,
    "and a validator": lambda pair: bool(pair["valid"]),
    "and marks": lambda pair: bool(pair["agree"]),
    "marks and validator": lambda pair: bool(pair["agree"] and pair["valid"]),
}
PRODUCT = "marks and validator"


@dataclass(frozen=True)
class Families:
    """`name`: which half; marks and thresholds are made on `development`, goals are judged on `judged`."""

    name: str
    source: Path

    def cases(self) -> Sequence[Case]:
        """As they stand in the file."""
        return read_cases(self.source)

    def run(self, case: Case) -> Json:
        """All pairs of one family, and its questions against those of the other families."""
        from opswright.evals.semantic.pairs import family_pairs, strangers

        pairs = family_pairs(case.data)
        others = [one.data for one in self.cases() if one.id != case.id]
        wanted = [pair for pair in pairs if pair["kind"] == "same"]
        hits = [_hit(pair, DEFAULT, PRODUCT) for pair in wanted]
        false = any(_hit(pair, DEFAULT, PRODUCT) for pair in pairs if pair["kind"] == "other")
        return {
            "field": case.data["field"],
            "pairs": pairs,
            "strangers": strangers(case.data, others),
            "passed": not false,
            "score": sum(hits) / len(hits),
        }

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """Hits on other wordings and false hits on look-alikes, by threshold and by what guards them."""
        done = [row for row in rows.values() if ran(row)]
        if not done:
            return Summary(self.name, (), (Goal(_goal(), f"< {MOST_FALSE:.0%}", "-", None),), {"families": 0})
        same, other = (_by_family(done, kind) for kind in ("same", "other"))
        tables = [
            _threshold_table("Other wordings that are answered from the cache", same),
            _threshold_table("Look-alikes that are answered wrongly from the cache", other),
            _marks_table(done),
        ]
        unrelated = sum(row["strangers"]["pairs"] for row in done)
        alike = [pair for row in done for pair in row["strangers"]["agree"]]
        hits = _hits(other, DEFAULT, PRODUCT)
        false, wrong = stats.ratio_of_totals(hits), sum(hit > 0 for hit, _ in hits)
        notes = [
            f"Default threshold {DEFAULT:g}. Intervals resample whole families. {len(done)} families, "
            f"{sum(map(len, same))} pairs of wordings, {sum(map(len, other))} of look-alikes; every wording of a "
            "question was once the one that was asked first.",
            f"Questions of different families whose marks agree: {count(len(alike), unrelated)} pairs.",
            f"Families with false hits by default: {count(wrong, len(done))}, {share(stats.wilson(wrong, len(done)))}.",
            "Marks and threshold were made on the development half; wordings, look-alikes and marks are by one hand.",
            *(f"false hit: {pair['asked']!r} after {pair['kept']!r}" for pair in _false(other)),
        ]
        goals: tuple[Goal, ...] = ()
        if self.name == "judged":
            met = None if false is None else false.value < MOST_FALSE
            goals = (Goal(_goal(), f"< {MOST_FALSE:.0%}", share(false), met),)
        return Summary(self.name, tuple(tables), goals, _figures(done, same, other), tuple(notes))


def _goal() -> str:
    return f"false hits on look-alikes, {PRODUCT}, threshold {DEFAULT:g}"


def _hit(pair: Json, threshold: float, way: str) -> bool:
    return bool(pair["cosine"] >= threshold and WAYS[way](pair))


def _by_family(rows: Sequence[Json], kind: str) -> list[list[Json]]:
    return [[pair for pair in row["pairs"] if pair["kind"] == kind] for row in rows]


def _hits(families: Sequence[Sequence[Json]], threshold: float, way: str) -> list[tuple[int, int]]:
    return [(sum(_hit(pair, threshold, way) for pair in pairs), len(pairs)) for pairs in families]


def _false(families: Sequence[Sequence[Json]]) -> list[Json]:
    return [pair for pairs in families for pair in pairs if _hit(pair, DEFAULT, PRODUCT)][:10]


def _threshold_table(title: str, families: Sequence[Sequence[Json]]) -> Table:
    lines = tuple(
        (
            f"{threshold:g}{' (default)' if threshold == DEFAULT else ''}",
            *(share(stats.ratio_of_totals(_hits(families, threshold, way))) for way in WAYS),
        )
        for threshold in THRESHOLDS
    )
    return Table(title, ("threshold", *WAYS), lines)


def _marks_table(rows: Sequence[Json]) -> Table:
    """Which mark speaks first: against look-alikes it saves a wrong answer, against other wordings it costs a hit."""
    counted = {
        kind: Counter(pair["differs"] for row in rows for pair in row["pairs"] if pair["kind"] == kind)
        for kind in ("other", "same")
    }
    names = sorted({*counted["other"], *counted["same"]}, key=lambda name: (-counted["other"][name], name))
    lines = tuple(
        (name or "none: they agree", str(counted["other"][name]), str(counted["same"][name])) for name in names
    )
    return Table("The first mark that differs", ("mark", "look-alikes", "other wordings"), lines)


def _figures(
    rows: Sequence[Json], same: Sequence[Sequence[Json]], other: Sequence[Sequence[Json]]
) -> Mapping[str, Json]:
    def totals(families: Sequence[Sequence[Json]], threshold: float, way: str) -> list[int]:
        hits = _hits(families, threshold, way)
        return [sum(hit for hit, _ in hits), sum(size for _, size in hits)]

    return {
        "families": len(rows),
        "default": DEFAULT,
        "hits": {f"{at:g}": {way: totals(same, at, way) for way in WAYS} for at in THRESHOLDS},
        "false": {f"{at:g}": {way: totals(other, at, way) for way in WAYS} for at in THRESHOLDS},
    }
