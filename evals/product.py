"""How a case runs through the product: the program's own loop, with a state folder of its own that is thrown away."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opswright.errors import BudgetSpent, EnvironmentFailed, Exit, RecordingMissing
from opswright.evals.suites import Case, Setup
from opswright.nouns import Budget, Json, Task
from opswright.settings import (
    ApprovalSettings,
    CheckpointSettings,
    Limits,
    ModelSettings,
    Settings,
    SigningSettings,
)

if TYPE_CHECKING:
    from opswright.agents.files import File
    from opswright.agents.ledger import Ledger
    from opswright.agents.results import RunResult
    from opswright.agents.surroundings import SessionSurroundings
    from opswright.tools.models.gateway import Gateway

ANSWERS = "models.jsonl"  # in a suite's folder of recordings
ENVIRONMENT = "environment"  # in a case's folder
# Far above what a task takes; a model without a price needs a limit on tokens.
CASE_BUDGET = Budget(usd=5.0, tokens=400_000, seconds=1800.0, trials=12)


@dataclass(frozen=True)
class Ran:
    """One run of a case and the row it makes."""

    result: "RunResult"

    def row(self) -> dict[str, Json]:
        """The common keys of a row (see docs/evaluations.md), with how the run ended."""
        outcomes, usage = self.result.outcomes, self.result.usage
        return {
            "status": self.result.status,
            "reason": outcomes[0].reason[:200] if outcomes else "",
            "tier": self.result.tier,
            "tiers": [list(step) for one in outcomes for step in one.tried],
            "tokens_in": usage.tokens_in,
            "tokens_out": usage.tokens_out,
            "cached_tokens": usage.cached_tokens,
            "cost_usd": usage.cost_usd,
            "calls": usage.calls,
            "estimated": usage.estimated,
            "seconds": usage.seconds,
        }

    def as_json(self) -> dict[str, Json]:
        """All that a scorer sees: the row's keys, the answer in words, the result, and each task."""
        names = ("specialist", "goal", "status", "reason", "tier", "result", "error")
        tasks = [{name: getattr(one, name) for name in names} for one in self.result.outcomes]
        questions = [{"effect": one.action.effect, "reason": one.reason} for one in self.result.questions]
        said = {"answer": self.result.answer, "result": self.result.result, "tasks": tasks, "questions": questions}
        return {**self.row(), **said}


def run_case(
    setup: Setup,
    case: Case,
    work: str | Task | Sequence[Task],
    *,
    tier: str | None = None,
    files: "Sequence[Path | File]" = (),
    specialists: Sequence[Path] = (),
    budget: Budget | None = None,
    approvals: ApprovalSettings | None = None,
    state: Path | None = None,
) -> Ran:
    """Runs a request or tasks as the program would, with nobody there to approve anything.

    Models and environments are recorded or live as `setup` says. `budget`: the suite's, else CASE_BUDGET unless given;
    `approvals`: the suite's where the case is live, else the strict defaults, unless given; `state`: a folder with a
    memory of its own, else an empty one for this run alone, which a live case leaves behind as long as a change of it
    stands. Raises EnvironmentFailed (RecordingMissing
    where an answer or a step was never recorded) so that the case counts as not run, and BudgetSpent where the run's
    own limits, not the case's, stop it.
    """
    from opswright.agents.checkpoints import in_memory
    from opswright.agents.runs import start
    from opswright.agents.wiring import Choices, Doors

    tier, wanted = tier or setup.tier, budget or setup.budget or CASE_BUDGET
    budget = _within(wanted, setup)
    approvals = approvals or (setup.approvals if setup.live else None)
    with _state(state, setup, case.id) as folder:
        settings = case_settings(setup, folder, tier, budget, approvals)
        surroundings = _surroundings(setup, case, settings)
        doors = Doors(checkpoints=in_memory, specialists=specialists, surroundings=surroundings)
        try:
            result = start(work, settings, Choices(tier=tier, budget=budget), doors, files)
        finally:
            left_over = surroundings.close()
    for outcome in result.outcomes:
        if outcome.error == RecordingMissing.__name__:
            raise _missing(outcome.reason, setup)
        if outcome.exit_code == Exit.ENVIRONMENT:
            raise EnvironmentFailed(f"{outcome.error}: {outcome.reason}")
    if left_over:  # such as recorded calls that were not made: it is not the run that was recorded
        raise EnvironmentFailed(left_over[0])
    if result.status == "budget" and budget != wanted:
        raise BudgetSpent(
            f"case {case.id} needs more than the run may spend; --max-usd and --max-tokens set the limits"
        )
    return Ran(result)


def asks(setup: Setup) -> bool:
    """Whether models are asked, and not their recorded answers."""
    return setup.live


def _within(budget: Budget, setup: Setup) -> Budget:
    """A case's budget, and no more than the whole run may spend where that costs anything."""
    if not asks(setup):
        return budget
    limits = setup.settings.budget.session()
    usd, tokens = _least(budget.usd, limits.usd), _least(budget.tokens, limits.tokens)
    return replace(budget, usd=usd, tokens=None if tokens is None else int(tokens))


def _least(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def case_settings(
    setup: Setup, state: Path, tier: str, budget: Budget = CASE_BUDGET, approvals: ApprovalSettings | None = None
) -> Settings:
    """Settings of one run: own state, memory empty, no signature, models as `model_settings` says."""
    own: dict[str, Any] = {
        "tier": "auto",
        "state_dir": state,
        "cache_dir": state / "cache",
        "budget": setup.settings.budget.model_copy(
            update={"usd": budget.usd, "tokens": budget.tokens, "task": Limits()}
        ),
        "models": model_settings(setup, tier),
        "approvals": approvals or ApprovalSettings(),
        "checkpoints": CheckpointSettings(),
        "signing": SigningSettings(),
    }
    return setup.settings.model_copy(update=own)


def model_settings(setup: Setup, tier: str = "auto") -> ModelSettings:
    """Recorded: replayed from the suite's recording; live: the user's models; with `record` they are also recorded.

    The solver's run knows of no model: with one it would leave its doubtful cases to it, and look worse than it is.
    """
    if tier == "solver":
        return ModelSettings()
    mode = "record" if setup.record else "off" if setup.env == "live" else "replay"
    update = {"recording": mode, "recordings": setup.recordings, "cache": False, "semantic_cache": {}}
    return setup.settings.models.model_copy(update=update)


@contextlib.contextmanager
def models(setup: Setup, budget: Budget = CASE_BUDGET) -> "Iterator[tuple[Gateway, Ledger]]":
    """The gateway in the suite's mode and the ledger it charges, for a suite that asks a model by itself.

    Where nothing is recorded or configured, `gateway.available()` is empty; what was taken is `ledger.spent`.
    """
    from opswright.agents.ledger import Ledger
    from opswright.tools.models.gateway import open_gateway

    budget = _within(budget, setup)
    with _state(None) as folder:  # a gateway changes nothing in the world
        ledger = Ledger(budget, time.monotonic)
        try:
            yield open_gateway(case_settings(setup, folder, "auto", budget), ledger), ledger
        except RecordingMissing as error:
            raise _missing(str(error), setup) from error


def _missing(reason: str, setup: Setup) -> RecordingMissing:
    """The same with the command that records this suite, in place of the one that records any run."""
    from opswright.tools.models.recording import COMMAND

    record = f"opswright eval run {setup.suite} --record, with OPENAI_BASE_URL or model tiers configured"
    return RecordingMissing(reason.replace(COMMAND, record))


@contextlib.contextmanager
def _state(given: Path | None, setup: Setup | None = None, case: str = "") -> Iterator[Path]:
    if given is not None:
        yield given
        return
    if setup is not None and setup.live:
        from opswright.agents.runs import new_run_id
        from opswright.evals.states import live_state

        with live_state(setup.settings.state_dir, setup.run or f"{setup.suite}-{new_run_id()}", case) as kept:
            yield kept
        return
    with tempfile.TemporaryDirectory(prefix="opswright-eval-") as state:
        yield Path(state)


def _surroundings(setup: Setup, case: Case, settings: Settings) -> "SessionSurroundings":
    from opswright.agents.locks import exclusive_locks
    from opswright.agents.surroundings import SessionSurroundings

    mode = "recording" if setup.record else setup.env
    recordings = (case.folder or setup.cases / case.id) / ENVIRONMENT
    command = f"opswright eval run {setup.suite} --record"
    return SessionSurroundings(
        settings,
        mode,
        recordings,
        seed=setup.seed,
        record_with=command,
        locks=exclusive_locks(setup.settings),  # the machine's: the state of this run is its own
    )
