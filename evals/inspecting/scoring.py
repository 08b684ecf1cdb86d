"""The row's own `passed` and `score`, and those of its variants, as one inspect-ai score with a figure for each."""

import math
from collections.abc import Mapping
from statistics import stdev

from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from opswright.evals.inspecting.samples import row_of
from opswright.evals.rows import VARIANTS, Row, ran, variants

FIGURES = ("passed", "score")


def values_of(row: Row) -> dict[str, float]:
    """`passed` and `score` (0 to 1) of the row, and `low passed` and so on of each variant that was measured."""
    named = {"": row, **(variants(row) if VARIANTS in row else {})}
    return {
        f"{name} {figure}".strip(): float(one[figure])
        for name, one in named.items()
        if ran(one)
        for figure in FIGURES
        if one.get(figure) is not None
    }


@metric
def means() -> Metric:
    """Each figure's mean over the cases that have it, and its standard error, cases taken as independent."""

    def by_name(scores: list[SampleScore]) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, values in _figures(scores).items():
            found[name] = sum(values) / len(values)
            if len(values) > 1:
                found[f"{name} stderr"] = stdev(values) / math.sqrt(len(values))
        return found

    return by_name


@scorer(metrics=[means()])
def measured() -> Scorer:
    """What was measured; no score where the environment failed or the suite gives neither figure."""

    async def score(state: TaskState, target: Target) -> Score | None:
        row = row_of(state.output)
        values = values_of(row) if row is not None else {}
        return Score(value=values, metadata=row) if values else None

    return score


def _figures(scores: list[SampleScore]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in scores:
        assert isinstance(one.score.value, Mapping)
        for name, value in one.score.value.items():
            found.setdefault(name, []).append(float(value or 0))
    return found
