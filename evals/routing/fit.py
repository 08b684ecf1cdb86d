"""Fits the weights of the routing rules: python -m opswright.evals.routing.fit [--check] [--out FILE].

Reads the training requests and the development half; never the judged half. `--check` cross-validates instead: folds
over written requests (what is joined from one stays on its side), and the development half as a set by another author.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from opswright.agents.routing.clauses import cut, looked_at
from opswright.agents.routing.features import boundary_features, clause_features
from opswright.agents.routing.ordering import steps_of
from opswright.agents.routing.scoring import NOBODY, Weights, change_scores, clause_scores, decode, value
from opswright.agents.routing.vocabulary import FOLDER, read_vocabulary
from opswright.evals.routing.training import Labelled, joined, read_training, spans

LABELS = (NOBODY, "storage", "chaos", "policy", "sql", "logs")
DEVELOPMENT = Path(__file__).parents[1] / "cases" / "routing" / "development.jsonl"
JOINED, SEED, FOLDS = 1500, 7, 5
ROUNDS, RATE = 160, 0.08
RIDGE, RIDGE_CHANGE = 1.2, 0.6
SURE, FEWEST = 0.995, 50  # how many of the sure ones are right, of how many at least
NOBODYS = 0.75  # weight of requests for nobody: more were written than are asked
RARE = 3  # features of fewer clauses are left out


@dataclass(frozen=True)
class Example:
    """A request as features, with a label for each clause; `order`: what must come out."""

    clauses: Sequence[Mapping[str, float]]
    changes: Sequence[Mapping[str, float]]
    labels: Sequence[int]
    order: tuple[str, ...]
    source: int
    text: str
    weight: float = 1.0


def example(one: Labelled, weight: float = 1.0) -> Example:
    """A labelled request as features."""
    found = cut(looked_at(one.text), read_vocabulary())
    ends = list(spans(one))
    labels = []
    for clause in found.clauses:
        middle = found.tokens[
            (clause.content + clause.last) // 2 if clause.content < clause.last else clause.first
        ].start
        labels.append(LABELS.index(next(name for end, name in ends if middle < end)))
    clauses = [{name: value(name, count) for name, count in one.items()} for one in clause_features(found)]
    return Example(clauses, boundary_features(found), labels, one.order, one.source, one.text, weight)


def read_development() -> list[Labelled]:
    """The development half; parts by where their words stand in the request."""
    found = []
    for number, line in enumerate(DEVELOPMENT.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        order = tuple(task["specialist"] for task in row["tasks"])
        text = row["request"]
        places = sorted((_place(text, task["request"]), task["specialist"]) for task in row["tasks"])
        bounds = [0, *[place for place, _ in places[1:]], len(text)]
        parts = [(name, text[a:b]) for (_, name), a, b in zip(places, bounds, bounds[1:], strict=False)]
        found.append(Labelled(row["language"], tuple(parts) or ((NOBODY, text),), order, 100_000 + number))
    return found


def _place(text: str, part: str) -> int:
    """Where a part's words begin: the first of its words in a row that the text has."""
    for size in range(len(part), 4, -1):
        at = text.casefold().find(part[-size:].casefold())
        if at >= 0:
            return at
    return 0


def fit(examples: Sequence[Example]) -> Weights:
    """The weights by maximum likelihood with a ridge; Adam over all examples at once (Kingma and Ba 2015)."""
    import numpy as np

    names = Counter(name for one in examples for clause in one.clauses for name in clause)
    index = {name: at for at, name in enumerate(sorted(name for name, count in names.items() if count >= RARE))}
    changes = Counter(name for one in examples for change in one.changes for name in change)
    index2 = {name: at for at, name in enumerate(sorted(name for name, count in changes.items() if count >= RARE))}
    problem = _Problem(examples, index, index2)
    size, size2 = len(index) * len(LABELS), len(index2) * 2
    point = np.zeros(size + size2)
    first, second = np.zeros_like(point), np.zeros_like(point)
    for step in range(1, ROUNDS + 1):
        slope = problem.slope(point)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope * slope
        rate = RATE * (1.0 if step < ROUNDS * 0.6 else 0.3)
        point -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    clause = point[:size].reshape(len(index), len(LABELS))
    change = point[size:].reshape(len(index2), 2)
    return Weights(
        LABELS,
        {name: [round(float(w), 2) for w in clause[at]] for name, at in index.items() if abs(clause[at]).max() >= 0.03},
        {name: [round(float(w), 2) for w in change[at]] for name, at in index2.items()},
        sure=1.0,
    )


class _Problem:
    """The penalised likelihood's slope, all requests of one length at once."""

    def __init__(self, examples: Sequence[Example], index: Mapping[str, int], index2: Mapping[str, int]) -> None:
        import numpy as np

        self.np: Any = np
        self.sizes = len(index), len(index2)
        rows: list[list[tuple[int, float]]] = []
        rows2: list[list[tuple[int, float]]] = []
        self.groups: list[tuple[Any, Any, Any, Any]] = []  # clause rows, change rows, labels, weights
        by_length: dict[int, list[tuple[list[int], list[int], Sequence[int], float]]] = {}
        for one in examples:
            here = list(range(len(rows), len(rows) + len(one.clauses)))
            rows += [[(index[name], v) for name, v in clause.items() if name in index] for clause in one.clauses]
            here2 = list(range(len(rows2), len(rows2) + len(one.changes)))
            rows2 += [
                [(index2[name], float(v)) for name, v in change.items() if name in index2] for change in one.changes
            ]
            if here:
                by_length.setdefault(len(here), []).append((here, here2, one.labels, one.weight))
        self.clause, self.change = self._sparse(rows), self._sparse(rows2)
        for several in by_length.values():
            a, b, c, d = zip(*several, strict=True)
            self.groups.append((np.array(a), np.array(b, dtype=int).reshape(len(a), -1), np.array(c), np.array(d)))

    def _sparse(self, rows: Sequence[Sequence[tuple[int, float]]]) -> tuple[Any, Any, Any, int]:
        np = self.np
        row = np.array([at for at, one in enumerate(rows) for _ in one], dtype=int)
        column = np.array([at for one in rows for at, _ in one], dtype=int)
        values = np.array([v for one in rows for _, v in one])
        return row, column, values, len(rows)

    def _times(self, sparse: tuple[Any, Any, Any, int], weights: Any) -> Any:
        np, (row, column, values, count) = self.np, sparse
        return np.stack([np.bincount(row, values * weights[column, k], count) for k in range(weights.shape[1])], 1)

    def _back(self, sparse: tuple[Any, Any, Any, int], slope: Any, size: int) -> Any:
        np, (row, column, values, _) = self.np, sparse
        return np.stack([np.bincount(column, values * slope[row, k], size) for k in range(slope.shape[1])], 1)

    def slope(self, point: Any) -> Any:
        """The slope of the negative log likelihood with its ridges."""
        np, labels = self.np, len(LABELS)
        size, size2 = self.sizes
        w = point[: size * labels].reshape(size, labels)
        v = point[size * labels :].reshape(size2, 2)
        scores, steps = self._times(self.clause, w), self._times(self.change, v)
        slope, slope2 = np.zeros_like(scores), np.zeros_like(steps)
        for rows, rows2, gold, weight in self.groups:
            self._chain(rows, rows2, gold, weight, scores, steps, slope, slope2)
        back = self._back(self.clause, slope, size) + RIDGE * w
        back2 = self._back(self.change, slope2, size2) + RIDGE_CHANGE * v
        return np.concatenate([back.ravel(), back2.ravel()])

    def _chain(
        self, rows: Any, rows2: Any, gold: Any, weight: Any, scores: Any, steps: Any, slope: Any, slope2: Any
    ) -> None:
        """Forward and backward over requests of one length; adds to the slopes of clauses and changes."""
        np, labels = self.np, len(LABELS)
        between = np.ones((labels, labels)) - np.eye(labels)
        nobody = between.copy()
        nobody[1:, 1:] = 0
        between[0, :] = between[:, 0] = 0
        e = scores[rows]  # requests x clauses x labels
        moves = [steps[rows2[:, t]] for t in range(rows2.shape[1])]
        trans = [m[:, 0, None, None] * between + m[:, 1, None, None] * nobody for m in moves]
        forward = [e[:, 0]]
        for t, step in enumerate(trans):
            forward.append(_log_sum(np, forward[-1][:, :, None] + step, 1) + e[:, t + 1])
        backward = [np.zeros_like(e[:, 0])]
        for t in range(len(trans) - 1, -1, -1):
            backward.insert(0, _log_sum(np, trans[t] + (e[:, t + 1] + backward[0])[:, None, :], 2))
        total = _log_sum(np, forward[-1], 1)
        one = np.eye(labels)
        for t in range(e.shape[1]):
            p = np.exp(forward[t] + backward[t] - total[:, None])
            np.add.at(slope, rows[:, t], weight[:, None] * (p - one[gold[:, t]]))
        for t, step in enumerate(trans):
            q = np.exp(
                forward[t][:, :, None] + step + (e[:, t + 1] + backward[t + 1])[:, None, :] - total[:, None, None]
            )
            a, b = gold[:, t], gold[:, t + 1]
            expected = np.stack([(q * between).sum((1, 2)), (q * nobody).sum((1, 2))], 1)
            seen = np.stack([between[a, b], nobody[a, b]], 1)
            np.add.at(slope2, rows2[:, t], weight[:, None] * (expected - seen))


def _log_sum(np: Any, values: Any, axis: int) -> Any:
    most = values.max(axis=axis, keepdims=True)
    return (most + np.log(np.exp(values - most).sum(axis=axis, keepdims=True))).squeeze(axis)


def answer(one: Labelled, weights: Weights) -> tuple[tuple[str, ...], float]:
    """The specialists in order, and the rules' probability."""
    found = cut(looked_at(one.text), read_vocabulary())
    scores = [clause_scores(features, weights) for features in clause_features(found)]
    changes = [change_scores(features, weights) for features in boundary_features(found)]
    if not scores:
        return (), 1.0
    decoded = decode(weights.labels, scores, changes)
    return tuple(step.specialist for step in steps_of(found, decoded.labels, found.text)), decoded.probability


def examples_of(several: Sequence[Labelled], count: int = JOINED) -> list[Example]:
    """Written requests, and others joined from them at half their weight."""
    return [example(one, 1.0 if one.order else NOBODYS) for one in several] + [
        example(one, 0.5) for one in joined(several, count, SEED)
    ]


def held_out(several: Sequence[Labelled]) -> list[tuple[Labelled, tuple[str, ...], float]]:
    """What is answered about each request by weights that were fitted without it."""
    found: list[tuple[Labelled, tuple[str, ...], float]] = []
    order = list(range(len(several)))
    Random(SEED).shuffle(order)
    for fold in range(FOLDS):
        out = {several[at].source for at in order[fold::FOLDS]}
        weights = fit(examples_of([one for one in several if one.source not in out]))
        found += [(one, *answer(one, weights)) for one in several if one.source in out]
    return found


def sure_from(answers: Sequence[tuple[bool, float]]) -> float:
    """The least probability from which on more than SURE of the answers are right; 1 where there are too few."""
    best = 1.0
    for least in sorted({probability for _, probability in answers}, reverse=True):
        inside = [good for good, probability in answers if probability >= least]
        if len(inside) >= FEWEST and sum(inside) > SURE * len(inside):
            best = least
    return best


def main() -> None:
    """Fits and writes, or checks and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=Path, default=FOLDER / "weights.json")
    chosen = parser.parse_args()
    written, development = read_training(), read_development()
    if chosen.check:
        weights = fit(examples_of(written))
        right = sum(answer(one, weights)[0] == one.order for one in development)
        print(f"fitted without the development half, right on it: {right} of {len(development)}")
    answers = held_out([*written, *development])
    graded = [(found == one.order, probability) for one, found, probability in answers]
    sure = sure_from(graded)
    inside = [good for good, probability in graded if probability >= sure]
    print(f"cross-validated: {sum(good for good, _ in graded)} of {len(graded)} right")
    print(f"sure from {sure:.3f}: {len(inside)} of {len(graded)}, of them right {sum(inside)}")
    if chosen.check:
        for one, found, probability in answers:
            if found != one.order:
                print(f"{probability:.2f} {one.order} {found} {one.text[:120]}")
        return
    weights = fit(examples_of([*written, *development]))
    write(replace(weights, sure=round(sure, 3)), chosen.out)


def write(weights: Weights, path: Path) -> None:
    """The weights as JSON, a feature a line."""
    rows = [
        f'"{name}": {{\n'
        + ",\n".join(f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(one)}" for key, one in sorted(table.items()))
        + "\n}"
        for name, table in (("clause", weights.clause), ("change", weights.change))
    ]
    head = f'"labels": {json.dumps(list(weights.labels))},\n"sure": {weights.sure}'
    path.write_text("{" + ",\n".join([head, *rows]) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
