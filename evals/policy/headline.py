"""The headline part: faults injected into real policies, repaired, and judged against the policy they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from opswright.evals import stats
from opswright.evals.policy.cases import HeadlineCase, NoCase, build_case, request_value
from opswright.evals.policy.corpus import Corpora
from opswright.evals.policy.judging import judge
from opswright.evals.policy.methods import GENERALISE, METHODS, STRICT, timed
from opswright.evals.suites import Case, Goal, Summary, Table
from opswright.evals.text import count, milliseconds, percent, share
from opswright.nouns import Json

CASES = 300


@dataclass(frozen=True)
class Headline:
    """300 cases by default: 100 with one fault, 100 with two, 100 with three."""

    folder: Path
    seed: int
    name: str = "headline"

    def cases(self) -> Sequence[Case]:
        """Cases are drawn from the seed and their number alone, in whichever process runs them."""
        return [Case(f"{index:04}", {"index": index}) for index in range(CASES)]

    def run(self, case: Case) -> Json:
        """Builds the case, lets every method at it and judges what each made of it."""
        from opswright.tools.iam.actions import load

        actions = load()
        try:
            built = build_case(self.seed, case.data["index"], Corpora(self.folder), actions)
        except NoCase as none:
            return {"none": none.discarded}
        rows = {}
        for name, method in METHODS:
            attempt = timed(method, built.faulty, built.spec)
            row: dict[str, Json] = {"ms": attempt.ms, "cpu_ms": attempt.cpu_ms, "reason": attempt.reason}
            row["result"] = attempt.value is not None
            # Without a result the user is left with the faulty policy, and that is what is judged.
            row |= judge(built, built.faulty if attempt.value is None else attempt.value, actions, self.seed)
            rows[name] = row
        return {
            "passed": rows[GENERALISE]["passed"],
            "score": rows[GENERALISE]["score"],
            "tier": "solver",
            "corpus": built.document.corpus,
            "document": built.document.id,
            "faults": [{"kind": f.kind, "statement": f.index, "elements": list(f.elements)} for f in built.faults],
            "allowed": [sum(one.allow for one in half) for half in (built.given, built.held)],
            "misjudged": [sum(one.region == "fault" for one in half) for half in (built.given, built.held)],
            "may": list(built.may),
            "discarded": built.discarded,
            "rows": rows,
        }

    def show(self, case: Case) -> Json:
        """The true policy, the faulty one, the requests given and held back."""
        from opswright.tools.iam.actions import load

        return shown(build_case(self.seed, case.data["index"], Corpora(self.folder), load()))

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """Every method's row, then the breakdown of the generalising solver."""
        judged = [row for row in rows.values() if "rows" in row]
        tables = [
            *_methods_tables("Headline", judged),
            _breakdown("Solver generalise by number of faults", _by_number(judged)),
            _breakdown("Solver generalise by kind of fault (cases that hold it)", _by_kind(judged)),
            _breakdown("Solver generalise by corpus", _by_corpus(judged)),
        ]
        return Summary(
            self.name, tuple(tables), tuple(_goals(judged)), {"methods": _figures(judged)}, tuple(_notes(rows, judged))
        )


def shown(built: HeadlineCase) -> dict[str, Json]:
    """A case as a person looks at it."""
    return {
        "document": built.document.id,
        "faults": [asdict(fault) for fault in built.faults],
        "true": built.document.value,
        "faulty": built.faulty,
        "spec": built.spec,
        "held_back": [request_value(f"h{at:02}", one) for at, one in enumerate(built.held, 1)],
    }


def _scores(rows: Sequence[Json], method: str) -> list[Json]:
    return [row["rows"][method] for row in rows]


def _equivalent(score: Json) -> bool:
    return bool(score["equivalent"])


def _methods_tables(title: str, rows: Sequence[Json]) -> tuple[Table, Table]:
    """Requests met and meaning restored; then access gained or lost, edits and time."""
    columns = (
        "method",
        "given met",
        "cases all met",
        "held-back right",
        "of those misjudged",
        "equivalent",
        "no result",
    )
    scored = [(name, _scores(rows, name)) for name, _ in METHODS]
    met = Table(f"{title}: what is met", columns, tuple(_met_cells(name, scores) for name, scores in scored))
    columns = (
        "method",
        "over-grant",
        "under-grant",
        "wider than original + spec",
        "edits st./el.",
        "median ms",
        "CPU ms",
    )
    return met, Table(f"{title}: access and cost", columns, tuple(_access_cells(name, s) for name, s in scored))


def _met_cells(name: str, scores: Sequence[Json]) -> tuple[str, ...]:
    n = len(scores)
    return (
        name,
        percent(stats.ratio_of_totals([tuple(s["given"]) for s in scores])),
        count(sum(map(_all_given, scores)), n),
        share(stats.ratio_of_totals([tuple(s["held"]) for s in scores])),
        percent(stats.ratio_of_totals([tuple(s["held_fault"]) for s in scores])),
        share(stats.wilson(sum(map(_equivalent, scores)), n)),
        str(sum(not s["result"] for s in scores)),
    )


def _access_cells(name: str, scores: Sequence[Json]) -> tuple[str, ...]:
    cpu = stats.median([s["cpu_ms"] for s in scores])
    return (
        name,
        _three_valued([s["over"] for s in scores]),
        _three_valued([s["under"] for s in scores]),
        _three_valued([s["wider"] for s in scores]),
        f"{_median([s['statements'] for s in scores])}/{_median([s['elements'] for s in scores])}",
        milliseconds(stats.median([s["ms"] for s in scores])),
        "-" if cpu is None else f"{cpu.value:.1f}",
    )


def _all_given(score: Json) -> bool:
    return bool(score["given"][0] == score["given"][1])


def _median(values: Sequence[float]) -> str:
    return f"{stats.quantile(values, 0.5):g}" if values else "-"


def _three_valued(values: Sequence[bool | None]) -> str:
    undecided = sum(value is None for value in values)
    found = count(sum(value is True for value in values), len(values))
    return f"{found}, {undecided} undecided" if undecided else found


def _breakdown(title: str, groups: Mapping[str, Sequence[Json]]) -> Table:
    columns: tuple[str, ...] = ("group", "cases", "all met", "held-back", "equivalent", "over-grant", "under-grant")
    columns += ("strict: all met", "strict: wider")
    return Table(title, columns, tuple(_group_cells(group, rows) for group, rows in groups.items()))


def _group_cells(group: str, rows: Sequence[Json]) -> tuple[str, ...]:
    scores, strict, n = _scores(rows, GENERALISE), _scores(rows, STRICT), len(rows)
    return (
        group,
        str(n),
        count(sum(map(_all_given, scores)), n),
        percent(stats.ratio_of_totals([tuple(s["held"]) for s in scores])),
        share(stats.wilson(sum(map(_equivalent, scores)), n)),
        _three_valued([s["over"] for s in scores]),
        _three_valued([s["under"] for s in scores]),
        count(sum(map(_all_given, strict)), n),
        _three_valued([s["wider"] for s in strict]),
    )


def _by_number(rows: Sequence[Json]) -> dict[str, list[Json]]:
    numbers = sorted({len(row["faults"]) for row in rows})
    return {f"{n} fault{'s' * (n > 1)}": [row for row in rows if len(row["faults"]) == n] for n in numbers}


def _by_kind(rows: Sequence[Json]) -> dict[str, list[Json]]:
    kinds = sorted({fault["kind"] for row in rows for fault in row["faults"]})
    return {kind: [row for row in rows if any(f["kind"] == kind for f in row["faults"])] for kind in kinds}


def _by_corpus(rows: Sequence[Json]) -> dict[str, list[Json]]:
    return {name: [row for row in rows if row["corpus"] == name] for name in sorted({row["corpus"] for row in rows})}


def _goals(rows: Sequence[Json]) -> list[Goal]:
    if not rows:
        return []
    strict, general = _scores(rows, STRICT), _scores(rows, GENERALISE)
    n = len(rows)
    goals = []
    for name, scores in ((STRICT, strict), (GENERALISE, general)):
        met = sum(map(_all_given, scores))
        goals.append(Goal(f"{name}: given requests met", "100 % of cases", count(met, n), met == n))
    wider = [s["wider"] for s in strict]
    goals.append(
        Goal(
            f"{STRICT}: wider than original plus spec",
            "never",
            _three_valued(wider),
            not any(wider) and None not in wider,
        )
    )
    held = stats.ratio_of_totals([tuple(s["held"]) for s in general])
    goals.append(Goal(f"{GENERALISE}: held-back right", ">= 90 %", share(held), held is not None and held.value >= 0.9))
    equal = stats.wilson(sum(map(_equivalent, general)), n)
    goals.append(
        Goal(f"{GENERALISE}: proved equivalent", ">= 60 %", share(equal), equal is not None and equal.value >= 0.6)
    )
    for name, scores in ((STRICT, strict), (GENERALISE, general)):
        took = stats.median([s["ms"] for s in scores])
        goals.append(
            Goal(f"{name}: median time", "< 100 ms", milliseconds(took), took is not None and took.value < 100)
        )
    return goals


def _figures(rows: Sequence[Json]) -> dict[str, Json]:
    found = {}
    for name, _ in METHODS:
        scores = _scores(rows, name)
        held = stats.ratio_of_totals([tuple(s["held"]) for s in scores])
        equal = stats.wilson(sum(map(_equivalent, scores)), len(scores))
        took = stats.median([s["ms"] for s in scores])
        found[name] = {
            "cases": len(scores),
            "given_all_met": sum(map(_all_given, scores)),
            "held": asdict(held) if held else None,
            "equivalent": asdict(equal) if equal else None,
            "over_grant": sum(s["over"] is True for s in scores),
            "under_grant": sum(s["under"] is True for s in scores),
            "wider": sum(s["wider"] is True for s in scores),
            "undecided": sum(s[key] is None for s in scores for key in ("over", "under", "wider")),
            "no_result": sum(not s["result"] for s in scores),
            "ms": asdict(took) if took else None,
        }
    return found


def _notes(rows: Mapping[str, Json], judged: Sequence[Json]) -> list[str]:
    notes = [
        "Intervals are 95 %: Wilson's for shares of cases, a bootstrap over cases for shares of requests, order "
        "statistics for medians.",
        "Equivalent: both directions proved by the engine, over the actions AWS has, and no drawn request against it.",
        _contradictions(judged),
        _discarded_note(judged),
    ]
    missing = [id for id, row in rows.items() if "none" in row]
    if missing:
        notes.append(f"{len(missing)} cases could not be built: {', '.join(missing[:5])}")
    notes += [f"{name}: {note}" for name in (STRICT, GENERALISE) if (note := _without_result(judged, name))]
    failed = {id: row["error"] for id, row in rows.items() if "error" in row}
    if failed:
        notes.append(f"{len(failed)} cases failed: {next(iter(failed.values()))}")
    return notes


def _without_result(judged: Sequence[Json], name: str) -> str:
    """The reasons for which a method gave nothing, the commonest first."""
    reasons: dict[str, int] = {}
    for score in _scores(judged, name):
        if not score["result"]:
            reasons[score["reason"][:160]] = reasons.get(score["reason"][:160], 0) + 1
    ranked = sorted(reasons.items(), key=lambda item: -item[1])[:5]
    return "no result: " + "; ".join(f"{times} x {reason}" for reason, times in ranked) if ranked else ""


def _contradictions(judged: Sequence[Json]) -> str:
    """How often a drawn request spoke against a proof."""
    scores = [row["rows"][name] for row in judged for name, _ in METHODS]
    equal = sum(score["contradicted_by"] is not None for score in scores)
    wider = sum(score["wider_by"].startswith("sample, against") for score in scores)
    return f"Proofs that a drawn request contradicts: {equal} of equality, {wider} of `never wider`."


def _discarded_note(judged: Sequence[Json]) -> str:
    """What was thrown away while drawing the cases."""
    discarded: dict[str, int] = {}
    for row in judged:
        for reason, times in row["discarded"].items():
            discarded[reason] = discarded.get(reason, 0) + times
    told = ", ".join(f"{reason} {times}" for reason, times in sorted(discarded.items(), key=lambda item: -item[1]))
    return f"Drawn and thrown away before these {len(judged)} cases: {told or 'nothing'}."
