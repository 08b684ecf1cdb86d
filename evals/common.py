"""The table that every suite gets: passed and score with intervals, tokens, cost, seconds, who answered."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from opswright.evals import stats
from opswright.evals.rows import Row, ran, score, spent, variants
from opswright.evals.suites import Table
from opswright.evals.text import share
from opswright.nouns import Json

COLUMNS = ("part", "cases", "failed", "passed", "score", "calls", "tokens in/out", "USD", "seconds", "tiers")
NOTE = (
    "Intervals are 95 %: Wilson's for passed, a bootstrap over cases for score. Failed: the environment failed; the "
    "case is tried again when the run goes on. Seconds: all cases together, and the median case."
)


def table(parts: Mapping[str, Mapping[str, Row]]) -> Table:
    """A line for each part, and for each variant where its rows have several. `parts`: rows by part and case."""
    lines = [
        _cells(f"{part}: {variant}" if variant else part, rows, failed)
        for part, found in parts.items()
        for variant, rows, failed in _lines(found)
    ]
    return Table("What it took", COLUMNS, tuple(lines))


def figures(rows: Mapping[str, Row]) -> dict[str, Json]:
    """The same as numbers: by variant where there are several, else for the part as a whole."""
    found = {variant: _figures(of_variant, failed) for variant, of_variant, failed in _lines(rows)}
    return found.get("", {"variants": found})


def missed(rows: Mapping[str, Row], limit: int = 10) -> Iterator[str]:
    """The cases that did not pass, and the reasons of those that failed."""
    lost = [id for id, row in rows.items() if row.get("passed") is False]
    if lost:
        more = f" and {len(lost) - limit} more" if len(lost) > limit else ""
        yield f"not passed: {', '.join(lost[:limit])}{more}"
    failed = {id: row["error"] for id, row in rows.items() if not ran(row)}
    if failed:
        id, reason = next(iter(failed.items()))
        yield f"{len(failed)} of {len(rows)} cases failed; {id}: {reason}"


def _lines(rows: Mapping[str, Row]) -> Iterator[tuple[str, list[Row], int]]:
    """Variant, its rows, and how many cases failed."""
    failed = sum(not ran(row) for row in rows.values())
    found: dict[str, list[Row]] = {}
    for row in rows.values():
        if ran(row):
            for name, one in variants(row).items():
                found.setdefault(name, []).append(one)
    named = {name: several for name, several in found.items() if name} or {"": found.get("", [])}
    for name, several in named.items():
        yield name, several, failed


def _figures(rows: Sequence[Row], failed: int) -> dict[str, Json]:
    passed, scores = _passed(rows), _scores(rows)
    return {
        "cases": len(rows),
        "failed": failed,
        "passed": None if passed is None else asdict(passed),
        "score": None if scores is None else asdict(scores),
        "tiers": dict(_tiers(rows)),
        **spent(rows),
    }


def _passed(rows: Sequence[Row]) -> stats.Interval | None:
    marked = [row["passed"] for row in rows if isinstance(row.get("passed"), bool)]
    return stats.wilson(sum(marked), len(marked))


def _scores(rows: Sequence[Row]) -> stats.Interval | None:
    return stats.mean([value for row in rows if "score" in row and (value := score(row)) is not None])


def _tiers(rows: Sequence[Row]) -> Counter[str]:
    """Who answered how often, the commonest first."""
    return Counter(dict(Counter(row["tier"] or "none" for row in rows if "tier" in row).most_common()))


def _cells(name: str, rows: Sequence[Row], failed: int) -> tuple[str, ...]:
    found, about = spent(rows), "about " if any(row.get("estimated") for row in rows) else ""
    cached = f" ({found['cached_tokens']:,} cached)" if found["cached_tokens"] else ""
    seconds = stats.median([row["seconds"] for row in rows if "seconds" in row])
    scores = _scores(rows)
    mix = ", ".join(f"{tier} {100 * times / len(rows):.0f} %" for tier, times in _tiers(rows).items())
    return (
        name,
        str(len(rows)),
        str(failed),
        share(_passed(rows)),
        "-" if scores is None else f"{scores.value:.2f} [{scores.low:.2f}, {scores.high:.2f}]",
        str(found["calls"]),
        f"{about}{found['tokens_in']:,}/{found['tokens_out']:,}{cached}",
        f"{found['cost_usd']:.4f}",
        "-" if seconds is None else f"{found['seconds']:.1f}, {seconds.value:.3f}",
        mix or "-",
    )
