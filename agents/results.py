"""How a run stands: its tasks' outcomes and what waits for a person."""

from collections.abc import Sequence
from dataclasses import dataclass

from opswright.agents.episode import Episode
from opswright.agents.outcomes import APPROVAL, EXITS, TaskOutcome, overall_exit, overall_status, read_outcome
from opswright.agents.plans import Plan
from opswright.errors import Exit
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Json, Usage


@dataclass(frozen=True)
class Question:
    """An action that waits for a person."""

    task: str
    action: Action
    reason: str


@dataclass(frozen=True)
class RunResult:
    """How a run stands. `result`: the single task's result, or a list of all tasks'; `questions`: what waits."""

    run_id: str
    status: str
    exit_code: Exit
    result: Json
    answer: str
    receipts: tuple[str, ...]
    usage: Usage
    outcomes: tuple[TaskOutcome, ...]
    questions: tuple[Question, ...] = ()

    @property
    def tier(self) -> str:
        """The tier of a single task's result; empty otherwise."""
        return self.outcomes[0].tier if len(self.outcomes) == 1 else ""


def stand_of(
    journal: Journal, run: str, plan: Plan | None, attempt: int, usage: Usage, waiting: Sequence[Question] = ()
) -> RunResult:
    """How a run stands in its attempt, from the journal."""
    found = [Episode(journal, run, one.id).outcome() for one in plan.tasks] if plan else []
    outcomes = tuple(read_outcome(payload) for payload in found if payload is not None)
    answer = journal.find(f"{run}/{attempt}/answer")
    status, code = overall_status(outcomes), overall_exit(outcomes)
    if waiting:
        status, code = APPROVAL, EXITS[APPROVAL]
    return RunResult(
        run_id=run,
        status=status,
        exit_code=code,
        result=_asked(run, waiting) if waiting else _shown(outcomes, plan),
        answer=_waiting(run, waiting) if waiting else answer.payload["text"] if answer else "",
        receipts=tuple(one.receipt for one in outcomes if one.receipt),
        usage=usage,
        outcomes=outcomes,
        questions=tuple(waiting),
    )


def _shown(outcomes: Sequence[TaskOutcome], plan: Plan | None) -> Json:
    if plan is not None and len(plan.tasks) == 1:
        return outcomes[0].result if outcomes else None
    names = ("task", "specialist", "goal", "status", "reason", "result", "receipt")
    return [{name: getattr(one, name) for name in names} for one in outcomes]


def _waiting(run: str, questions: Sequence[Question]) -> str:
    asked = [
        line
        for one in questions
        for line in (f"{one.action.effect} ({one.reason})", one.action.preview.rstrip(), _approve(one.action))
    ]
    return "\n".join(["waits for approval:", *asked, f"then go on with: opswright --resume {run}"])


def _approve(action: Action) -> str:
    return f"to do it: opswright approve {action.hash}"


def _asked(run: str, questions: Sequence[Question]) -> Json:
    """What waits, for a program that reads the envelope."""
    waiting = [
        {
            "task": one.task,
            "action_hash": one.action.hash,
            "effect": one.action.effect,
            "risk": one.action.risk.value,
            "environment": one.action.environment,
            "preview": one.action.preview,
            "reason": one.reason,
        }
        for one in questions
    ]
    return {"run": run, "waiting": waiting}
