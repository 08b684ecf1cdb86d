"""A part as an inspect-ai task: its cases, a solver that runs one as any run of the suite would, and its scores."""

import threading
from collections.abc import Mapping
from pathlib import Path

from inspect_ai import Task
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from opswright.errors import EnvironmentFailed
from opswright.evals.fanout.one import run_one
from opswright.evals.inspecting.samples import GATEWAY, output_of, sample_of
from opswright.evals.inspecting.scoring import measured
from opswright.evals.results import ResultFile
from opswright.evals.rows import Row, ran
from opswright.evals.runner import Allowance
from opswright.evals.suites import Case, Part, Prepared
from opswright.nouns import Json


def task_of(
    part: Part,
    about: Mapping[str, Json],
    hidden: Mapping[str, str],
    *,
    limit: int | None = None,
    allowance: Allowance | None = None,
) -> Task:
    """`about`: the header of a result file; `hidden`: see `sample_of`. Raises what listing the cases does.

    A case whose environment failed is a sample with an error; it ends nothing. Cases run one after the other.
    """
    if isinstance(part, Prepared):
        part.prepare(False, limit)
    cases = {case.id: case for case in part.cases()[:limit]}
    return Task(
        name=f"{about['suite']}-{part.name}",
        dataset=[sample_of(part, case, hidden) for case in cases.values()],
        solver=run_case(part, cases, allowance or Allowance()),
        scorer=measured(),
        model="none",
        config=GenerateConfig(max_connections=1),  # inspect's number of samples at once follows it
        fail_on_error=False,
        metadata={**about, "part": part.name},
    )


@solver
def run_case(part: Part, cases: Mapping[str, Case], allowance: Allowance) -> Solver:
    """Runs the sample's case; its row is the output. Raises EnvironmentFailed, BudgetSpent and what the case raises."""
    # Never opened: only the allowance reads its rows.
    rows, alone = ResultFile(Path(), {}), threading.Lock()

    def run(case: Case) -> Row:
        with alone:  # also where somebody asks inspect for several samples at once: figures of the clock are measured
            allowance.check(rows)
            _, row = run_one(part, case)
            rows.rows[part.name, case.id] = row
        return dict(row)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        import anyio.to_thread

        # In a thread: inspect's event loop goes on, and a case may have one of its own.
        row = await anyio.to_thread.run_sync(run, cases[str(state.sample_id)])
        if not ran(row):
            raise EnvironmentFailed(str(row["error"]))
        state.output = output_of(row)
        if state.output.usage is not None:  # inspect books what its models report, so one says what ours took
            teller = get_model(GATEWAY, custom_outputs=[state.output], memoize=False)
            await teller.generate(state.messages, cache=False)
        state.messages.append(state.output.message)
        return state

    return solve
