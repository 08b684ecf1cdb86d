"""The supervisor: plans a request, hands its tasks to specialists, and words the answer from how they ended.

    plan -> work (independent tasks in parallel, dependent ones after what they build on) -> collect -> ... -> answer

Its state holds ids; tasks, outcomes and the answer are in the journal. A specialist's failure is its own task's outcome
and loses nobody else's result.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from opswright.agents.answers import word
from opswright.agents.episode import TASK, Episode
from opswright.agents.halting import Halt
from opswright.agents.outcomes import ACCEPTED, REJECTED, RESUMABLE, TaskOutcome, failed, read_outcome
from opswright.agents.plans import Plan, Planned
from opswright.agents.progress import Report, nobody, step_of
from opswright.errors import OpswrightError
from opswright.knowledge.journal import Journal
from opswright.nouns import Json, Task, as_json

# LangGraph wants one. Rounds, trials and the ledger end a task: hours of tuning take thousands of steps.
STEP_LIMIT = 1_000_000


class RunState(TypedDict, total=False):
    """One run's state: ids and decisions, plain JSON values only (strict msgpack)."""

    run: str
    attempt: int
    tasks: list[dict[str, Json]]  # id and the ids it waits for
    done: Annotated[list[str], operator.add]
    only: str  # the task of one `work` step


@dataclass(frozen=True)
class Supervisor:
    """The nodes of the supervisor's graph.

    `plan()` finds the run's plan (again after a kill); `inputs(planned, earlier)` makes a task's inputs; `loop(task)`
    is the compiled loop for one task; `report` is told of each task's steps; `release(task)` closes what was held for a
    task and returns what could not be closed, for `say`. What goes wrong once `halt` was asked comes of that.
    """

    journal: Journal
    plan: Callable[[], Plan]
    inputs: Callable[[Planned, Sequence[TaskOutcome]], Mapping[str, Json]]
    loop: Callable[[Task], Any]
    report: Report = nobody
    halt: Halt = field(default_factory=Halt)
    release: Callable[[str], Sequence[str]] = lambda task: ()
    say: Callable[[str], None] = lambda message: None

    def plan_tasks(self, state: RunState) -> dict[str, Any]:
        """Which tasks, and which waits for which."""
        tasks = self.plan().tasks
        for one in tasks:
            self.report(step_of(one, "planned"))
        return {"tasks": [{"id": one.id, "after": list(one.after)} for one in tasks]}

    def ready(self, state: RunState) -> Any:
        """A step for every task that waits for nothing more; the answer when none is left."""
        from langgraph.types import Send

        done = set(state.get("done", []))
        tasks = [one["id"] for one in state["tasks"] if one["id"] not in done and done.issuperset(one["after"])]
        attempt = state.get("attempt", 0)
        return [Send("work", {"run": state["run"], "attempt": attempt, "only": id}) for id in tasks] or "answer"

    def work(self, state: RunState) -> dict[str, Any]:
        """One task through its specialist's loop."""
        from langgraph.errors import GraphInterrupt

        run, id, attempt = state["run"], state["only"], state.get("attempt", 0)
        episode = Episode(self.journal, run, id)
        if not self._ended_before(episode, attempt):
            planned = self.plan().task(id)
            self.report(step_of(planned, "begun"))
            try:
                self._run(planned, episode, attempt)
            except GraphInterrupt:
                self.report(step_of(planned, "working", "waits for your answer, asked when the others are done"))
                raise
            except Exception as error:
                if self.halt.asked():
                    self.say(f"{planned.specialist}, while it was stopped: {error}")
                    raise KeyboardInterrupt from error
                if not isinstance(error, OpswrightError):
                    raise
                outcome = failed(id, planned.specialist, planned.goal, error)
                episode.write_outcome(attempt, outcome.as_json())
            finally:
                for problem in self.release(id):
                    self.say(problem)
            ended = episode.outcome(attempt)
            if ended is not None:
                self.report(step_of(planned, "ended", ended["reason"], ended["status"]))
        return {"done": [id]}

    def _ended_before(self, episode: Episode, attempt: int) -> bool:
        last = episode.outcome()
        return last is not None and episode.outcome(attempt) is None and last["status"] not in RESUMABLE

    def _run(self, planned: Planned, episode: Episode, attempt: int) -> None:
        found = [Episode(self.journal, episode.run, id).outcome() for id in planned.after]
        earlier = [read_outcome(payload) for payload in found if payload is not None]
        missing = [one for one in earlier if one.status != ACCEPTED]
        if missing:
            episode.write_outcome(attempt, _not_started(planned, missing[0]).as_json())
            return
        if episode.find(TASK) is None:
            task = Task(planned.id, planned.specialist, planned.goal, self.inputs(planned, earlier))
            episode.write(TASK, as_json(task))
        task = episode.task()
        state = {"run": episode.run, "task": task.id, "attempt": attempt}
        self.loop(task).invoke(state, {"recursion_limit": STEP_LIMIT})

    def collect(self, state: RunState) -> dict[str, Any]:
        """Where parallel tasks meet before the next ones start."""
        return {}

    def answer(self, state: RunState) -> dict[str, Any]:
        """Words the answer from how the tasks ended."""
        plan = self.plan()
        found = [Episode(self.journal, state["run"], one.id).outcome() for one in plan.tasks]
        text = word([read_outcome(payload) for payload in found if payload is not None], plan)
        key = f"{state['run']}/{state.get('attempt', 0)}/answer"
        self.journal.append("answer", {"text": text}, run=state["run"], key=key)
        return {}


def _not_started(planned: Planned, missing: TaskOutcome) -> TaskOutcome:
    """The outcome of a task that builds on one without a result; it can be resumed when that one can."""
    status = missing.status if missing.status in RESUMABLE else REJECTED
    reason = f"not started: it builds on {missing.task}, which ended {missing.status}"
    code = missing.exit_code
    return TaskOutcome(planned.id, planned.specialist, planned.goal, status, reason, exit_code=code)


def build_supervisor(supervisor: Supervisor, checkpointer: Any) -> Any:
    """The compiled graph; invoked with `run` and `attempt`, or with None to go on."""
    from langgraph.graph import END, START, StateGraph

    graph: Any = StateGraph(RunState)
    graph.add_node("plan", supervisor.plan_tasks)
    graph.add_node("work", supervisor.work)
    graph.add_node("collect", supervisor.collect)
    graph.add_node("answer", supervisor.answer)
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", supervisor.ready, ["work", "answer"])
    graph.add_edge("work", "collect")
    graph.add_conditional_edges("collect", supervisor.ready, ["work", "answer"])
    graph.add_edge("answer", END)
    return graph.compile(checkpointer=checkpointer)
