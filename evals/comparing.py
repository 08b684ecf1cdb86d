"""Two result files of the same cases, pair by pair: what got worse, what got better, what it took. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from opswright.errors import InputError
from opswright.evals import stats
from opswright.evals.results import ResultSet
from opswright.evals.rows import SUMMED, Row, ran, score, spent, variants
from opswright.nouns import Json

SIGNIFICANT = 0.05
SAME = ("suite", "seed", "data", "cases")  # what must be equal for a case to be the same case
_EQUAL = 1e-9


@dataclass(frozen=True)
class Line:
    """One part, or one variant of it, over the cases that both files measured.

    `regressions` and `gains`: ids; `lost`: ids that A measured and B could not, its environment failed; `p`: the exact
    McNemar test of passed, None where nothing says passed; `change`: the mean difference of scores, B minus A, with its
    paired bootstrap interval; `spent`: sums of A and of B.
    """

    part: str
    variant: str
    pairs: int
    passed: tuple[int, int] | None
    regressions: tuple[str, ...]
    gains: tuple[str, ...]
    lost: tuple[str, ...]
    p: float | None
    change: stats.Interval | None
    spent: tuple[Mapping[str, Json], Mapping[str, Json]]

    @property
    def name(self) -> str:
        """How it is called in a table."""
        return f"{self.part}: {self.variant}" if self.variant else self.part

    @property
    def significant(self) -> bool:
        """Whether B is worse by more than chance: more regressions than gains, or a mean score below A's."""
        tested = self.p is not None and self.p < SIGNIFICANT and len(self.regressions) > len(self.gains)
        return tested or (self.change is not None and self.change.high < 0)

    def beyond(self, threshold: float) -> bool:
        """Whether a greater share of the cases than `threshold` got worse or lost, or B is significantly worse."""
        worse = len(self.regressions) + len(self.lost)
        return worse > threshold * (self.pairs + len(self.lost)) or self.significant


@dataclass(frozen=True)
class Unpaired:
    """Cases of a part that cannot be compared: in one file only, or the environment failed in one of them."""

    part: str
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    failed_a: tuple[str, ...]
    failed_b: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """All lines, and what is left out of them. `headers`: keys in which the runs differ, A's value and B's."""

    lines: tuple[Line, ...]
    unpaired: tuple[Unpaired, ...]
    headers: Mapping[str, tuple[Json, Json]]

    def beyond(self, threshold: float) -> tuple[Line, ...]:
        """The lines that got worse by more than is allowed."""
        return tuple(line for line in self.lines if line.beyond(threshold))


def compare(a: ResultSet, b: ResultSet) -> Comparison:
    """Pairs the cases of two result files. Raises InputError when the files are not about the same cases."""
    for name in SAME:
        if a.header.get(name) != b.header.get(name):
            told = f"{name} {a.header.get(name)!r} and {b.header.get(name)!r}"
            raise InputError(f"cannot be compared with {a.path}: they are of {told}", str(b.path))
    shared = [part for part in a.rows if part in b.rows]
    if not shared:
        raise InputError(f"has no part in common with {a.path}", str(b.path))
    lines = [line for part in shared for line in _lines(part, a.rows[part], b.rows[part])]
    if not any(line.pairs for line in lines):
        raise InputError(f"has no measured case in common with {a.path}", str(b.path))
    unpaired = [_unpaired(part, a.rows.get(part, {}), b.rows.get(part, {})) for part in {**a.rows, **b.rows}]
    names = {**a.header, **b.header}
    headers = {name: (a.header.get(name), b.header.get(name)) for name in names}
    return Comparison(
        tuple(lines),
        tuple(one for one in unpaired if one.only_a or one.only_b or one.failed_a or one.failed_b),
        {name: pair for name, pair in headers.items() if pair[0] != pair[1]},
    )


def _lines(part: str, a: Mapping[str, Row], b: Mapping[str, Row]) -> Iterator[Line]:
    both = {id: (variants(a[id]), variants(b[id])) for id in a if id in b and ran(a[id]) and ran(b[id])}
    lost = tuple(id for id in b if id in a and ran(a[id]) and not ran(b[id]))
    for name in dict.fromkeys(name for ours, theirs in both.values() for name in ours if name in theirs):
        pairs = {id: (x[name], y[name]) for id, (x, y) in both.items() if name in x and name in y}
        yield _line(part, name, pairs, lost)


def _line(part: str, variant: str, pairs: Mapping[str, tuple[Row, Row]], lost: tuple[str, ...]) -> Line:
    marked = {id: (x["passed"], y["passed"]) for id, (x, y) in pairs.items() if _marked(x) and _marked(y)}
    scores = {id: (old, new) for id, (x, y) in pairs.items() if (old := score(x)) is not None is not (new := score(y))}
    judged: Mapping[str, tuple[float, float]] = marked or scores
    return Line(
        part=part,
        variant=variant,
        pairs=len(pairs),
        passed=(sum(old for old, _ in marked.values()), sum(new for _, new in marked.values())) if marked else None,
        regressions=tuple(id for id, (old, new) in judged.items() if new < old - _EQUAL),
        gains=tuple(id for id, (old, new) in judged.items() if new > old + _EQUAL),
        lost=lost,
        p=_mcnemar(list(marked.values())) if marked else None,
        change=stats.mean([new - old for old, new in scores.values()]),
        spent=(spent(x for x, _ in pairs.values()), spent(y for _, y in pairs.values())),
    )


def _marked(row: Row) -> bool:
    return isinstance(row.get("passed"), bool)


def _mcnemar(pairs: Sequence[tuple[bool, bool]]) -> float:
    return stats.sign_test(pairs.count((False, True)), pairs.count((True, False)))


def _unpaired(part: str, a: Mapping[str, Row], b: Mapping[str, Row]) -> Unpaired:
    return Unpaired(
        part,
        tuple(id for id in a if id not in b),
        tuple(id for id in b if id not in a),
        tuple(id for id in a if id in b and not ran(a[id]) and ran(b[id])),
        tuple(id for id in b if id in a and not ran(b[id]) and ran(a[id])),
    )


def difference(line: Line) -> dict[str, float]:
    """What B took more than A, by what is counted."""
    a, b = line.spent
    return {name: b[name] - a[name] for name in SUMMED}
