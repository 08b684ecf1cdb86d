"""Runs the cases of a part wherever they are to run; appends each row as it ends, goes on where a run stopped."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from opswright.errors import BudgetSpent, InputError
from opswright.evals.fanout import cluster, processes
from opswright.evals.fanout.one import Load, Outcome, run_one
from opswright.evals.results import ResultFile
from opswright.evals.rows import ran, spent, variants
from opswright.evals.suites import Case, Part, Summary
from opswright.nouns import Budget, Json

Progress = Callable[[str, int, int], None]  # part, cases done, cases in all


@dataclass(frozen=True)
class Workers:
    """Where cases run: `jobs` processes of this machine, or the dask cluster at `address`.

    `fingerprint`: what code and data every worker of a cluster must have (see `digests.Fingerprint`).
    """

    jobs: int = 1
    address: str | None = None
    fingerprint: Callable[[], Mapping[str, Json]] = field(default=dict)


@dataclass(frozen=True)
class Allowance:
    """What a run may spend. No further case is begun once its rows, or the clock since it began, say it is spent."""

    budget: Budget = field(default_factory=Budget)
    clock: Callable[[], float] = time.monotonic
    began: float = field(default_factory=time.monotonic)

    def check(self, results: ResultFile) -> None:
        """Raises BudgetSpent."""
        limit, found = self.budget, spent(one for row in results.rows.values() for one in variants(row).values())
        tokens, seconds = found["tokens_in"] + found["tokens_out"], self.clock() - self.began
        if limit.usd is not None and found["cost_usd"] >= limit.usd:
            raise BudgetSpent(
                f"the rows so far cost {found['cost_usd']:.4f} of {limit.usd:g} USD; --max-usd sets the limit"
            )
        if limit.tokens is not None and tokens >= limit.tokens:
            raise BudgetSpent(
                f"the rows so far took {tokens:,} of {limit.tokens:,} tokens; --max-tokens sets the limit"
            )
        if limit.seconds is not None and seconds >= limit.seconds:
            raise BudgetSpent(f"this run took {seconds:.0f} of {limit.seconds:g} seconds; --max-seconds sets the limit")


@dataclass(frozen=True)
class Sent:
    """A part that travels to workers as it is."""

    part: Part

    def __call__(self) -> Part:
        """The part."""
        return self.part


def run_part(
    part: Part,
    results: ResultFile,
    *,
    limit: int | None,
    progress: Progress,
    jobs: int = 1,
    workers: Workers | None = None,
    load: Load | None = None,
    allowance: "Allowance | None" = None,
) -> Summary:
    """Runs what is missing of a part and sums up its rows (those of the first `limit` cases).

    A tool or an environment that fails inside a case is that case's result (`{"error": ...}`), never a missing row; a
    run that goes on tries it again. `load`: how a worker opens the part by itself; by default it is sent. Raises
    BudgetSpent, with the rows so far on disk, when the allowance is.
    """
    cases, allowance = _distinct(part)[:limit], allowance or Allowance()
    done = results.of(part.name)
    todo = [case for case in cases if case.id not in done or not ran(done[case.id])]
    finished = len(cases) - len(todo)
    progress(part.name, finished, len(cases))
    with _outcomes(part, todo, workers or Workers(jobs), load or Sent(part)) as outcomes:
        if todo:
            allowance.check(results)
        for case_id, row in outcomes:
            results.add(part.name, case_id, row)
            finished += 1
            progress(part.name, finished, len(cases))
            if finished < len(cases):
                allowance.check(results)
    rows = results.of(part.name)
    return part.summarise({case.id: rows[case.id] for case in cases})


@contextmanager
def _outcomes(part: Part, cases: Sequence[Case], workers: Workers, load: Load) -> Iterator[Iterator[Outcome]]:
    if workers.address is not None and cases:
        with cluster.outcomes(load, cases, workers.address, workers.fingerprint) as found:
            yield found
    elif workers.jobs > 1 and len(cases) > 1:
        with processes.outcomes(load, cases, workers.jobs) as found:
            yield found
    else:
        yield (run_one(part, case) for case in cases)


def _distinct(part: Part) -> list[Case]:
    cases = list(part.cases())
    twice = [id for id, times in Counter(case.id for case in cases).items() if times > 1]
    if twice:
        raise InputError(f"part {part.name} has more than one case {twice[0]}", "suite")
    return cases
