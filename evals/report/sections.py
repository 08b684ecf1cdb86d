"""From result files to what a page shows: tables, goals, charts and notes for each suite. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opswright.evals import common
from opswright.evals.report.charts import Point
from opswright.evals.report.policies import Standing, standings
from opswright.evals.report.pte import prefill_token_equivalents
from opswright.evals.results import ResultSet
from opswright.evals.rows import ran, variants
from opswright.evals.suites import Goal, Summary, Table
from opswright.evals.text import share
from opswright.nouns import Json

ABOUT_TIERS = (
    "Ours pays for every tier it tried. The oracle knows which tier is right; nobody else does. Where one model stands "
    "behind all tiers, this compares pipelines and prompts, not model sizes."
)
ABOUT_COST = (
    "PTE: prefill-token equivalents after Su et al. 2026 (arXiv 2604.05404) with coefficients of a reference machine; "
    "they rank pipelines and are neither a price nor a latency."
)


@dataclass(frozen=True)
class Chart:
    """Points and the name of their cost axis."""

    title: str
    cost: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Section:
    """One suite's results."""

    suite: str
    header: Mapping[str, Json]
    tables: tuple[Table, ...]
    goals: tuple[Goal, ...]
    charts: tuple[Chart, ...]
    notes: tuple[str, ...]


def section(results: ResultSet, summaries: Sequence[Summary]) -> Section:
    """What there is to show of a result file. `summaries`: what its parts said of themselves, where that was kept."""
    tables = [common.table(results.rows), _tokens(results)]
    charts: list[Chart] = []
    notes = [common.NOTE, ABOUT_COST]
    for part, rows in results.rows.items():
        found = standings(rows)
        if found:
            tables.append(_standings_table(part, found))
            charts += _charts(part, found)
            notes.append(ABOUT_TIERS)
    for summary in summaries:
        tables += [replace(one, title=_titled(summary.part, one.title)) for one in summary.tables]
        notes += summary.notes
    goals = tuple(replace(goal, name=f"{one.part}: {goal.name}") for one in summaries for goal in one.goals)
    return Section(results.suite, results.header, tuple(tables), goals, tuple(charts), tuple(dict.fromkeys(notes)))


def _titled(part: str, title: str) -> str:
    """With the part's name, unless the title begins with it."""
    return title if title.lower().startswith(part.lower()) else f"{part}: {title}"


def _tokens(results: ResultSet) -> Table:
    """Tokens and prefill-token equivalents of each part, in all and for a case."""
    lines = []
    for part, rows in results.rows.items():
        by_variant: dict[str, list[Mapping[str, Json]]] = {}
        for row in rows.values():
            for name, one in variants(row).items() if ran(row) else ():
                by_variant.setdefault(name, []).append(one)
        for name, several in by_variant.items():
            pte = sum(map(prefill_token_equivalents, several))
            tokens = sum((one.get("tokens_in") or 0) + (one.get("tokens_out") or 0) for one in several)
            about = "about " if any(one.get("estimated") for one in several) else ""
            cells = (f"{about}{tokens:,}", f"{pte:,.0f}", f"{tokens / len(several):,.0f}", f"{pte / len(several):,.0f}")
            lines.append((f"{part}: {name}" if name else part, str(len(several)), *cells))
    return Table("Tokens", ("part", "cases", "tokens", "PTE", "tokens a case", "PTE a case"), tuple(lines))


def _standings_table(part: str, found: Sequence[Standing]) -> Table:
    columns = ("way of choosing", "quality", "USD a case", "tokens a case", "PTE a case", "taken from")
    rows = tuple(
        (
            one.name,
            share(one.quality),
            f"{one.cost_usd:.5f}",
            f"{one.tokens:,.0f}",
            f"{one.pte:,.0f}",
            ", ".join(f"{tier} {100 * part:.0f} %" for tier, part in one.mix.items()),
        )
        for one in found
    )
    return Table(f"{part}: which tier to ask", columns, rows)


def _charts(part: str, found: Sequence[Standing]) -> list[Chart]:
    """Quality against prefill-token equivalents, and against money where prices are known."""
    charts = [Chart(f"{part}: quality against cost", "prefill-token equivalents", _points(found, "pte"))]
    if any(one.cost_usd for one in found):
        charts.append(Chart(f"{part}: quality against money", "US dollars", _points(found, "cost_usd")))
    return charts


def _points(found: Sequence[Standing], cost: str) -> tuple[Point, ...]:
    return tuple(
        Point(one.name, getattr(one, cost), one.quality.value, one.quality.low, one.quality.high, _group(one.name))
        for one in found
    )


def _group(name: str) -> int:
    starts = ("always", "ours", "chance", "oracle", "LiteLLM")
    return next((at for at, start in enumerate(starts) if name.startswith(start)), 5)
