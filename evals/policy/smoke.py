"""The smoke part: the CloudFix policies with their 5- and 10-request sets.

The data states no licence, so nothing of it may enter the project or a result file but the ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from opswright.errors import InputError
from opswright.evals import stats
from opswright.evals.data import read_list
from opswright.evals.policy.corpus import CLOUDFIX, FILES
from opswright.evals.policy.methods import METHODS, STRICT, timed
from opswright.evals.policy.scoring import edits, judged
from opswright.evals.suites import Case, Goal, Summary, Table
from opswright.evals.text import count, milliseconds
from opswright.nouns import Json
from opswright.tools.iam.mend import mend
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.spec import Spec, spec_from_value

SIZES = (5, 10)


@cache
def _items(folder: Path, name: str) -> dict[str, Json]:
    return {item["id"]: item for item in read_list(folder, name)}


@dataclass(frozen=True)
class Smoke:
    """One case for each policy and each size of its request set."""

    folder: Path
    seed: int
    name: str = "smoke"

    def cases(self) -> Sequence[Case]:
        """Ids in the files' order, five requests first."""
        return [
            Case(f"{size}/{id}", {"size": size, "id": id})
            for size in SIZES
            for id in _items(self.folder, f"policy/cloudfix_specs_{size}.json")
        ]

    def run(self, case: Case) -> Json:
        """Lets every method at one policy; keeps scores only."""
        policy = _items(self.folder, FILES[CLOUDFIX])[case.data["id"]]["policy"]
        item = _items(self.folder, f"policy/cloudfix_specs_{case.data['size']}.json")[case.data["id"]]
        value = {"requests": item["requests"]}
        policy, mended = mend(policy)
        try:
            policy_from_value(policy)
            spec = spec_from_value(value)
        except InputError as error:
            return {"refused": type(error).__name__}
        rows = {}
        for name, method in METHODS:
            attempt = timed(method, policy, value)
            result = policy if attempt.value is None else attempt.value
            distance = edits(policy, result)
            met = _met(result, spec)
            rows[name] = {
                "passed": met == len(spec.requests),
                "score": met / len(spec.requests),
                "met": met,
                "all": len(spec.requests),
                "result": attempt.value is not None,
                "statements": distance.statements,
                "elements": distance.elements,
                "ms": attempt.ms,
                "cpu_ms": attempt.cpu_ms,
            }
        told = {name: rows[STRICT][name] for name in ("passed", "score")}
        return {**told, "tier": "solver", "size": case.data["size"], "mended": len(mended), "rows": rows}

    def show(self, case: Case) -> Json:
        """The policy and its requests, on the screen alone."""
        id, size = case.data["id"], case.data["size"]
        item = _items(self.folder, f"policy/cloudfix_specs_{size}.json")[id]
        return {"policy": _items(self.folder, FILES[CLOUDFIX])[id]["policy"], "requests": item["requests"]}

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """Every method for each size of request set; nothing of the data itself."""
        tables, goals, figures = [], [], {}
        refused = [id for id, row in rows.items() if "refused" in row]
        for size in SIZES:
            of_size = [row for row in rows.values() if row.get("size") == size]
            without = sum(id.startswith(f"{size}/") for id in refused)
            tables.append(_table(f"Smoke: CloudFix policies, {size} requests each", of_size))
            goals += _goals(size, of_size, without)
            figures[str(size)] = {name: _figures([row["rows"][name] for row in of_size]) for name, _ in METHODS}
        mended = [id for id, row in rows.items() if row.get("mended")]
        notes = [
            "An exact-point patch reaches nearly the same, so this part proves little by itself.",
            f"AWS would refuse {len(mended)} for a stray element; all methods get them as `policy repair` mends them: "
            f"{', '.join(mended) or 'none'}",
            f"{len(refused)} cases could not be read even so: {', '.join(refused) or 'none'}",
        ]
        return Summary(self.name, tuple(tables), tuple(goals), figures, tuple(notes))


def _met(value: Json, spec: Spec) -> int:
    policy = policy_from_value(value)
    return sum(judged(policy, one.request) is (one.effect == "allow") for one in spec.requests)


def _table(title: str, rows: Sequence[Json]) -> Table:
    lines = []
    for name, _ in METHODS:
        scores = [row["rows"][name] for row in rows]
        repaired = sum(score["met"] == score["all"] for score in scores)
        requests = stats.ratio_of_totals([(score["met"], score["all"]) for score in scores])
        lines.append(
            (
                name,
                count(repaired, len(scores)),
                "-" if requests is None else f"{100 * requests.value:.1f} %",
                _typical([score["statements"] for score in scores]),
                _typical([score["elements"] for score in scores]),
                milliseconds(stats.median([score["ms"] for score in scores])),
                milliseconds(stats.median([score["cpu_ms"] for score in scores])),
            )
        )
    columns = (
        "method",
        "repaired",
        "requests met",
        "statements edited",
        "elements edited",
        "median ms",
        "median CPU ms",
    )
    return Table(title, columns, tuple(lines))


def _typical(values: Sequence[float]) -> str:
    return f"{stats.quantile(values, 0.5):g} (mean {sum(values) / len(values):.1f})" if values else "-"


def _goals(size: int, rows: Sequence[Json], refused: int) -> list[Goal]:
    scores = [row["rows"][STRICT] for row in rows]
    repaired = sum(score["met"] == score["all"] for score in scores)
    took = stats.median([score["ms"] for score in scores])
    whole = len(scores) + refused
    told = count(repaired, whole) + (f" ({refused} refused as no policy)" if refused else "")
    return [
        Goal(f"{size} requests, {STRICT}: repaired", "all", told, repaired == whole if whole else None),
        Goal(
            f"{size} requests, {STRICT}: median time",
            "< 50 ms",
            milliseconds(took),
            None if took is None else took.value < 50,
        ),
    ]


def _figures(scores: Sequence[Json]) -> Json:
    took = stats.median([score["ms"] for score in scores])
    return {
        "policies": len(scores),
        "repaired": sum(score["met"] == score["all"] for score in scores),
        "ms": asdict(took) if took else None,
    }
