"""Which field each clause is for: a linear chain over fields, its weights fitted offline (evals/routing/fit.py).

A path's score is the sum of its clauses' scores for their fields, plus a score for each place where the field changes.
Conditional random field, Lafferty, McCallum and Pereira 2001; decoding after Viterbi 1967.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from opswright.agents.routing.features import Features
from opswright.agents.routing.vocabulary import FOLDER

NOBODY = "nobody"
LIGHT = ("w:", "b:", "g:", "s0:", "s1:")  # words of a request weigh half: concepts carry further


@dataclass(frozen=True)
class Weights:
    """The fitted weights. `clause`: by feature, one for each label; `change`: by feature, between two fields and to or
    from nobody; `sure`: from this probability on the rules are right often enough to need nobody else."""

    labels: tuple[str, ...]
    clause: Mapping[str, Sequence[float]]
    change: Mapping[str, Sequence[float]]
    sure: float


@dataclass(frozen=True)
class Decoded:
    """The best label of each clause, and how probable it is that the order of fields is theirs."""

    labels: tuple[str, ...]
    probability: float


@cache
def read_weights() -> Weights:
    """The program's weights, read once."""
    found = json.loads((FOLDER / "weights.json").read_text(encoding="utf-8"))
    return Weights(tuple(found["labels"]), found["clause"], found["change"], found["sure"])


def value(name: str, count: float) -> float:
    """What a feature counts for."""
    return count / 2 if name.startswith(LIGHT) else float(count)


def clause_scores(features: Features, weights: Weights) -> list[float]:
    """A clause's score for each label."""
    scores = [0.0] * len(weights.labels)
    for name, count in features.items():
        found = weights.clause.get(name)
        if found is not None:
            times = value(name, count)
            for at, weight in enumerate(found):
                scores[at] += weight * times
    return scores


def change_scores(features: Features, weights: Weights) -> tuple[float, float]:
    """The score of a change between two fields, and of one to or from nobody."""
    between, nobody = 0.0, 0.0
    for name, count in features.items():
        found = weights.change.get(name)
        if found is not None:
            between, nobody = between + found[0] * count, nobody + found[1] * count
    return between, nobody


def decode(labels: Sequence[str], scores: Sequence[Sequence[float]], changes: Sequence[tuple[float, float]]) -> Decoded:
    """The best path. `scores`: one row a clause, at least one; `changes`: one a place between two clauses."""
    size = range(len(labels))
    steps = [_steps(labels, change) for change in changes]
    best, back = list(scores[0]), []
    total = list(scores[0])
    for row, step in zip(scores[1:], steps, strict=True):
        came = [max(size, key=lambda old, new=new: best[old] + step[old][new]) for new in size]  # type: ignore[misc]
        back.append(came)
        best = [best[came[new]] + step[came[new]][new] + row[new] for new in size]
        total = [_log_sum([total[old] + step[old][new] for old in size]) + row[new] for new in size]
    path = [max(size, key=lambda one: best[one])]
    for came in reversed(back):
        path.append(came[path[-1]])
    path.reverse()
    same = _same_order(path, scores, steps)
    return Decoded(tuple(labels[one] for one in path), math.exp(min(0.0, same - _log_sum(total))))


def _steps(labels: Sequence[str], change: tuple[float, float]) -> list[list[float]]:
    between, nobody = change
    return [[0.0 if old == new else nobody if NOBODY in (old, new) else between for new in labels] for old in labels]


def _same_order(
    path: Sequence[int], scores: Sequence[Sequence[float]], steps: Sequence[Sequence[Sequence[float]]]
) -> float:
    """The log of the sum over all paths that name the same fields in the same order, wherever they change."""
    runs = [one for at, one in enumerate(path) if not at or path[at - 1] != one]
    reached = [scores[0][runs[0]], *[-math.inf] * (len(runs) - 1)]
    for row, step in zip(scores[1:], steps, strict=True):
        reached = [
            _log_sum([reached[at], reached[at - 1] + step[runs[at - 1]][one] if at else -math.inf]) + row[one]
            for at, one in enumerate(runs)
        ]
    return reached[-1]


def _log_sum(values: Sequence[float]) -> float:
    most = max(values)
    return most if most == -math.inf else most + math.log(sum(math.exp(one - most) for one in values))
