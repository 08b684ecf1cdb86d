"""One part of the suite: a half of the questions, each asked of every method, with and without the right collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opswright.evals import stats
from opswright.evals.cases import read_cases
from opswright.evals.retrieval import manuals
from opswright.evals.rows import ran
from opswright.evals.stats import Interval
from opswright.evals.suites import Case, Goal, Summary, Table
from opswright.evals.text import share
from opswright.nouns import Json

METHOD, BASELINE = "hybrid", "BM25"
RIGHT = "right collection"
KINDS = {
    "lookup": "an option is looked for",
    "behaviour": "what the system does",
    "trouble": "trouble, in users' words",
    "flag": "a flag or a command of a man page",
}


@dataclass(frozen=True)
class Questions:
    """`name`: which half; improvements are made on `development`, goals are judged on `judged`."""

    name: str
    source: Path
    others: tuple[str, ...] = manuals.OTHERS

    def cases(self) -> Sequence[Case]:
        """As they stand in the file."""
        return read_cases(self.source)

    def run(self, case: Case) -> Json:
        """The rank of the first right passage, by view and method; None beyond the hundredth."""
        from opswright.evals.retrieval.haystack import VIEWS, opened

        haystack = opened(self.others)
        ranks: dict[str, dict[str, int | None]] = {view: {} for view in VIEWS}
        for method, rankings in haystack.rankings.items():
            for view, ranking in rankings.items():
                found = ranking(case.data["question"])
                places = (at for at, one in enumerate(found, 1) if right(case.data["gold"], one.source, one.whole))
                ranks[view][method] = next(places, None)
        rows = {method: _scored(rank) for method, rank in ranks[RIGHT].items()}
        said = {"digest": haystack.digest, "passages": haystack.passages, "options": haystack.options}
        return {"kind": case.data["kind"], "ranks": ranks, "manuals": said, "rows": rows, **rows[METHOD]}

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """hit@1, hit@5 and the mean reciprocal rank by view, method and kind; hybrid against BM25, pair by pair."""
        done = [row for row in rows.values() if ran(row)]
        if not done:
            return Summary(self.name, (), (Goal(_goal(), "> 0", "-", None),), {"questions": 0})
        views, methods = list(done[0]["ranks"]), list(done[0]["ranks"][RIGHT])
        tables = [_table(view, methods, done) for view in views]
        tables.append(_kinds(methods, done))
        gain = _gain(done, RIGHT, METHOD, BASELINE)
        tables.append(_gains(views, methods, done))
        said = done[0]["manuals"]
        notes = (
            f"{said['passages']:,} passages, {said['options']} of them options; digest {said['digest']}. "
            "A hit is the first right passage; reciprocal ranks count to the hundredth passage.",
            "The word list (knowledge/embedding/concepts.txt) acts in the vectors and in the index of words; `no word "
            "list` and `among words only` leave it out of the vectors. List, weights and questions are by one hand, "
            "which looked at the development half alone.",
        )
        figures = {
            "questions": len(done),
            "manuals": said,
            "views": {view: {method: _figures(done, view, method) for method in methods} for view in views},
            "gain": _numbers(gain),
        }
        goals: tuple[Goal, ...] = ()
        if self.name == "judged":
            goals = (Goal(_goal(), "> 0", _signed(gain), None if gain is None else gain.value > 0),)
        return Summary(self.name, tuple(tables), goals, figures, notes)


def right(gold: Sequence[Json], source: str, whole: str) -> bool:
    """Whether a passage answers: the entry of a right option, or a passage of a right page that holds the flag."""
    for one in gold:
        if any(source == "options.xml" and whole.split("\n", 1)[0] == name for name in one.get("options", ())):
            return True
        if source in one.get("pages", ()) and one["holds"] in " ".join(whole.split()):
            return True
    return False


def _scored(rank: int | None) -> dict[str, Json]:
    return {"passed": rank is not None and rank <= 5, "score": 0.0 if rank is None else 1 / rank}


def _goal() -> str:
    return f"mean reciprocal rank, {METHOD} minus {BASELINE}, {RIGHT}"


def _ranks(rows: Sequence[Json], view: str, method: str) -> list[int | None]:
    return [row["ranks"][view][method] for row in rows]


def _hits(ranks: Sequence[int | None], within: int) -> int:
    return sum(rank is not None and rank <= within for rank in ranks)


def _reciprocal(ranks: Sequence[int | None]) -> list[float]:
    return [0.0 if rank is None else 1 / rank for rank in ranks]


def _cells(ranks: Sequence[int | None]) -> tuple[str, ...]:
    hits = (share(stats.wilson(_hits(ranks, within), len(ranks))) for within in (1, 5))
    return (*hits, _three(stats.mean(_reciprocal(ranks))))


def _table(view: str, methods: Sequence[str], rows: Sequence[Json]) -> Table:
    lines = tuple((method, *_cells(_ranks(rows, view, method))) for method in methods)
    return Table(f"{len(rows)} questions, {view}", ("method", "hit@1", "hit@5", "MRR"), lines)


def _kinds(methods: Sequence[str], rows: Sequence[Json]) -> Table:
    lines = []
    for kind, meaning in KINDS.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        if of_kind:
            means = [stats.mean(_reciprocal(_ranks(of_kind, RIGHT, method))) for method in methods]
            lines.append(
                (meaning, str(len(of_kind)), *("-" if mean is None else f"{mean.value:.2f}" for mean in means))
            )
    return Table(f"MRR by kind, {RIGHT}", ("kind", "questions", *methods), tuple(lines))


def _gain(rows: Sequence[Json], view: str, method: str, other: str) -> Interval | None:
    pairs = zip(_reciprocal(_ranks(rows, view, method)), _reciprocal(_ranks(rows, view, other)), strict=True)
    return stats.mean([one - another for one, another in pairs])


def _gains(views: Sequence[str], methods: Sequence[str], rows: Sequence[Json]) -> Table:
    lines = []
    for view in views:
        for method in methods:
            if method == BASELINE:
                continue
            hits = [
                (rank is not None and rank <= 5, other is not None and other <= 5)
                for rank, other in zip(_ranks(rows, view, method), _ranks(rows, view, BASELINE), strict=True)
            ]
            better, worse = hits.count((True, False)), hits.count((False, True))
            gain = _signed(_gain(rows, view, method, BASELINE))
            lines.append((f"{method}, {view}", gain, f"{better} / {worse}", f"{stats.sign_test(better, worse):.3f}"))
    columns = ("against BM25", "MRR, paired difference", "hit@5: better / worse", "p")
    return Table(f"Against {BASELINE}, question by question", columns, tuple(lines))


def _figures(rows: Sequence[Json], view: str, method: str) -> Json:
    ranks = _ranks(rows, view, method)
    return {"hit1": _hits(ranks, 1), "hit5": _hits(ranks, 5), "mrr": _numbers(stats.mean(_reciprocal(ranks)))}


def _numbers(found: Interval | None) -> Json:
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high}


def _three(found: Interval | None) -> str:
    return "-" if found is None else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def _signed(found: Interval | None) -> str:
    return "-" if found is None else f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
