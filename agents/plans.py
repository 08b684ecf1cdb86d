"""The plan of a run: its tasks, what each waits for, and why there are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opswright.agents.routing import Route
from opswright.nouns import Json, Task, as_json


@dataclass(frozen=True)
class Planned:
    """One task of a plan. `inputs` None: the specialist makes them from the request's files when its turn comes."""

    id: str
    specialist: str
    goal: str
    after: tuple[str, ...] = ()
    inputs: Mapping[str, Json] | None = None


@dataclass(frozen=True)
class Plan:
    """The tasks of a run. `note` says what of the request nobody here can do, or why there is no task at all."""

    tasks: tuple[Planned, ...]
    note: str = ""

    def task(self, id: str) -> Planned:
        """The task of that id."""
        return next(one for one in self.tasks if one.id == id)

    def as_json(self) -> dict[str, Json]:
        """Plain JSON values, for the journal."""
        return as_json(self)


def read_plan(payload: Mapping[str, Json]) -> Plan:
    """A plan from its JSON form."""
    tasks = [Planned(**{**one, "after": tuple(one["after"])}) for one in payload["tasks"]]
    return Plan(tuple(tasks), payload["note"])


def plan_of_tasks(tasks: Sequence[Task]) -> Plan:
    """The plan for tasks that are given: independent of each other."""
    return Plan(tuple(Planned(task.id, task.specialist, task.goal, inputs=task.inputs) for task in tasks))


def plan_of_route(route: Route) -> Plan:
    """The plan for a routed request."""
    ids = [f"t{number}" for number in range(1, len(route.steps) + 1)]
    tasks = [
        Planned(id, step.specialist, step.goal, tuple(ids[index] for index in step.after))
        for id, step in zip(ids, route.steps, strict=True)
    ]
    return Plan(tuple(tasks), "" if tasks and not route.absent else route.reason)
