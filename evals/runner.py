"""Runs the cases of a part wherever they are to run; appends each row as it ends, goes on where a run stopped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from opswright.errors import BudgetSpent
from opswright.evals.fanout import cluster, processes
from opswright.evals.fanout.one import Load, Outcome, run_one
from opswright.evals.results import ResultFile
from opswright.evals.rows import ran, spent, variants
from opswright.evals.suites import Case, Part, Summary
from opswright.nouns import Budget, Json

UNLIMITED = Budget()
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
    budget: Budget = UNLIMITED,
) -> Summary:
    """Runs what is missing of a part and sums up its rows (those of the first `limit` cases).

    A tool or an environment that fails inside a case is that case's result (`{"error": ...}`), never a missing row; a
    run that goes on tries it again. `load`: how a worker opens the part by itself; by default it is sent. `budget`: no
    further case is begun once the file's rows say that its money or tokens are spent; raises BudgetSpent then.
    """
    cases = list(part.cases())[:limit]
    done = results.of(part.name)
    todo = [case for case in cases if case.id not in done or not ran(done[case.id])]
    finished = len(cases) - len(todo)
    progress(part.name, finished, len(cases))
    with _outcomes(part, todo, workers or Workers(jobs), load or Sent(part)) as outcomes:
        if todo:
            _check(results, budget)
        for case_id, row in outcomes:
            results.add(part.name, case_id, row)
            finished += 1
            progress(part.name, finished, len(cases))
            if finished < len(cases):
                _check(results, budget)
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


def _check(results: ResultFile, budget: Budget) -> None:
    if budget.usd is None and budget.tokens is None:
        return
    found = spent(one for row in results.rows.values() for one in variants(row).values())
    tokens = found["tokens_in"] + found["tokens_out"]
    if budget.usd is not None and found["cost_usd"] >= budget.usd:
        raise BudgetSpent(
            f"the rows so far cost {found['cost_usd']:.4f} of {budget.usd:g} USD; --max-usd sets the limit"
        )
    if budget.tokens is not None and tokens >= budget.tokens:
        raise BudgetSpent(f"the rows so far took {tokens:,} of {budget.tokens:,} tokens; --max-tokens sets the limit")
