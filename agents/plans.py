"""The plan of a run: its tasks, what each waits for, and why there are none."""

from collections.abc import Collection, Mapping, Sequence
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


def plan_of_route(route: Route, installed: Collection[str] = ()) -> Plan:
    """The plan for a routed request. What builds on a specialist that is not installed need not wait for it."""
    ids = [f"t{number}" for number in range(1, len(route.steps) + 1)]
    names = [step.specialist for step in route.steps]
    tasks = [
        Planned(id, step.specialist, step.goal, tuple(ids[at] for at in step.after if names[at] in installed))
        for id, step in zip(ids, route.steps, strict=True)
    ]
    return Plan(tuple(tasks), "" if tasks else route.reason)
