"""Runs the cases of a part, in this process or in several; appends each row as it ends, goes on where a run stopped."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context

from opswright.errors import EnvironmentFailed, ToolFailed
from opswright.evals.results import ResultFile
from opswright.evals.suites import Case, Part, Summary
from opswright.nouns import Json

Progress = Callable[[str, int, int], None]  # part, cases done, cases in all


def run_part(part: Part, results: ResultFile, *, jobs: int, limit: int | None, progress: Progress) -> Summary:
    """Runs what is missing of a part and sums up its rows (those of the first `limit` cases).

    A tool or an environment that fails inside a case is that case's result (`{"error": ...}`), never a missing row; a
    run that goes on tries it again.
    """
    cases = list(part.cases())[:limit]
    done = results.of(part.name)
    todo = [case for case in cases if "error" in done.get(case.id, {"error": "not run yet"})]
    finished = len(cases) - len(todo)
    progress(part.name, finished, len(cases))
    with _outcomes(part, todo, jobs) as outcomes:
        for case_id, row in outcomes:
            results.add(part.name, case_id, row)
            finished += 1
            progress(part.name, finished, len(cases))
    rows = results.of(part.name)
    return part.summarise({case.id: rows[case.id] for case in cases})


@contextmanager
def _outcomes(part: Part, cases: Sequence[Case], jobs: int) -> Iterator[Iterator[tuple[str, Json]]]:
    if jobs == 1 or len(cases) < 2:
        yield (_run_one(part, case) for case in cases)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_run_one, part, case) for case in cases]
        try:
            yield (future.result() for future in as_completed(futures))
        finally:
            pool.shutdown(cancel_futures=True)


def _run_one(part: Part, case: Case) -> tuple[str, Json]:
    try:
        return case.id, part.run(case)
    except (ToolFailed, EnvironmentFailed) as error:
        return case.id, {"error": f"{type(error).__name__}: {error}"}
