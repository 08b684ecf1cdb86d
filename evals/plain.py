"""A part made of cases as data, a subject that runs one, and scorers: what most suites need."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opswright.evals import common
from opswright.evals.cases import read_cases
from opswright.evals.rows import COMMON
from opswright.evals.suites import Case, Setup, Summary
from opswright.nouns import Json

Subject = Callable[[Setup, Case], Mapping[str, Json]]
Scorer = Callable[[Mapping[str, Json], Mapping[str, Json]], Mapping[str, Json]]  # case's data, result -> scores
_KEPT = ("status", "reason", *COMMON)


@dataclass(frozen=True)
class CasesPart:
    """`source`: a folder of case folders or a JSON Lines file; `subject` and `scorers` are functions of a module.

    The subject runs one case, however it likes; the common keys of its result go into the row. A scorer is pure. Of
    several scorers `passed` is whether all passed and `score` their mean; their other keys lie side by side.
    """

    name: str
    setup: Setup
    source: Path
    subject: Subject
    scorers: Sequence[Scorer]
    keep: tuple[str, ...] = field(default=())  # more keys of the result that the row keeps

    def cases(self) -> Sequence[Case]:
        """As they stand in the source."""
        return read_cases(self.source)

    def run(self, case: Case) -> Json:
        """Runs the subject and scores what it gave."""
        result = self.subject(self.setup, case)
        kept = {key: result[key] for key in (*_KEPT, *self.keep) if key in result}
        return {**kept, **merged([scorer(case.data, result) for scorer in self.scorers])}

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """How many passed, and the first that did not."""
        return Summary(self.name, (), (), common.figures(rows), tuple(common.missed(rows)))


def merged(scores: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """Several scorers' findings as one."""
    found: dict[str, Json] = {}
    for one in scores:
        found |= one
    passed = [one["passed"] for one in scores if "passed" in one]
    values = [one["score"] for one in scores if "score" in one]
    if passed:
        found["passed"] = all(passed)
    if values:
        found["score"] = sum(values) / len(values)
    return found
