"""What a half of the requests comes to: shares exactly right, what was taken for what, abstention, goals. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import median

from opswright.evals import stats
from opswright.evals.rows import ran
from opswright.evals.suites import Goal, Summary, Table
from opswright.evals.text import share
from opswright.nouns import Json

RULES, PRODUCT = "solver", "auto"
GOALS = {RULES: 0.90, PRODUCT: 0.97}
NOBODY = "none"
Keys = Callable[[Json], Sequence[str]]
_GROUPS: Mapping[str, Keys] = {
    "kind": lambda row: [row["kind"]],
    "language": lambda row: [row["language"]],
    "specialist": lambda row: list(dict.fromkeys(row["expected"])) or [NOBODY],
}


def summary(part: str, rows: Sequence[Json]) -> Summary:
    """Tables, goals and figures of the rows of one part."""
    done = [row for row in rows if ran(row)]
    names = [name for name in (RULES, *_models(done), PRODUCT) if any(name in row["rows"] for row in done)]
    tables = [_shares(done, names, by, keys) for by, keys in _GROUPS.items()]
    tables += [_confusion(done, name) for name in names if name in (RULES, PRODUCT)]
    goals = tuple(_goal(done, name, least) for name, least in GOALS.items())
    figures = {name: _figures(done, name) for name in names}
    return Summary(part, tuple(tables), goals, figures, tuple(_notes(done, names)))


def _models(rows: Sequence[Json]) -> list[str]:
    return sorted({name for row in rows for name in row["rows"]} - {RULES, PRODUCT})


def _right(rows: Sequence[Json], name: str) -> stats.Interval | None:
    marked = [row["rows"][name]["passed"] for row in rows if name in row["rows"]]
    return stats.wilson(sum(marked), len(marked))


def _shares(rows: Sequence[Json], names: Sequence[str], by: str, keys: Keys) -> Table:
    counted = Counter(key for row in rows for key in keys(row))
    lines = [("all", str(len(rows)), *(share(_right(rows, name)) for name in names))]
    for key, count in sorted(counted.items(), key=lambda one: (-one[1], one[0])):
        mine = [row for row in rows if key in keys(row)]
        lines.append((key, str(count), *(share(_right(mine, name)) for name in names)))
    return Table(f"Exactly right, by {by}", (by, "requests", *names), tuple(lines))


def _confusion(rows: Sequence[Json], name: str) -> Table:
    """Expected specialists of requests for one or none, against what was found; more than one is `several`."""
    found = Counter(
        (_label(row["expected"]), _label(row["rows"][name]["found"]))
        for row in rows
        if name in row["rows"] and len(row["expected"]) < 2
    )
    columns = sorted({column for _, column in found})
    lines = tuple(
        (row, *(str(found[row, column]) for column in columns)) for row in sorted({expected for expected, _ in found})
    )
    return Table(f"What was taken for what ({name}); requests for one or none", ("expected", *columns), lines)


def _label(names: Sequence[str]) -> str:
    return NOBODY if not names else names[0] if len(names) == 1 else "several"


def _abstention(rows: Sequence[Json], name: str) -> tuple[stats.Interval | None, stats.Interval | None]:
    """Precision and recall of "none of mine"."""
    mine = [row for row in rows if name in row["rows"]]
    said = [not row["expected"] for row in mine if not row["rows"][name]["found"]]
    meant = [not row["rows"][name]["found"] for row in mine if not row["expected"]]
    return stats.wilson(sum(said), len(said)), stats.wilson(sum(meant), len(meant))


def _goal(rows: Sequence[Json], name: str, least: float) -> Goal:
    found = _right(rows, name)
    text = "exactly right without a model" if name == RULES else "exactly right with a model where the rules are unsure"
    return Goal(text, f">= {least:.0%}", share(found), None if found is None else found.value >= least)


def _figures(rows: Sequence[Json], name: str) -> dict[str, Json]:
    right, (precision, recall) = _right(rows, name), _abstention(rows, name)
    named = {"right": right, "abstention_precision": precision, "abstention_recall": recall}
    return {key: None if one is None else asdict(one) for key, one in named.items()}


def _notes(rows: Sequence[Json], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        precision, recall = _abstention(rows, name)
        yield f"Abstention ({name}): precision {share(precision)}, recall {share(recall)}."
    sure = [row["rows"][RULES] for row in rows if row["rows"][RULES]["sure"]]
    if sure:
        of_all = stats.wilson(len(sure), len(rows))
        right = stats.wilson(sum(one["passed"] for one in sure), len(sure))
        yield f"The rules are sure of {share(of_all)} of the requests; of these right: {share(right)}."
    times = [row["rows"][RULES]["route_ms"] for row in rows]
    if times:
        slowest = f"{max(times):.0f} ms the slowest"
        yield f"The rules take {median(times):.1f} ms of processor time a request (median; {slowest})."
    yield "A request is right when exactly the expected specialists are named, in the order of work."
