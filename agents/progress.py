"""What a run reports of its tasks while it works, so that each of several specialists has a line of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from opswright.agents.plans import Planned

Phase = Literal["planned", "begun", "working", "ended"]


@dataclass(frozen=True)
class Step:
    """One thing that happened to a task. `message`: what is done, or with `ended` how it ended and why."""

    task: str
    specialist: str
    goal: str
    phase: Phase
    message: str = ""
    status: str = ""  # of the outcome, with `ended`
    after: tuple[str, ...] = ()  # the tasks it waits for


Report = Callable[[Step], None]


def nobody(step: Step) -> None:
    """For runs that nobody looks at."""


def both(first: Report, second: Report) -> Report:
    """Tells the one and the other."""

    def report(step: Step) -> None:
        first(step)
        second(step)

    return report


def step_of(planned: Planned, phase: Phase, message: str = "", status: str = "") -> Step:
    """A step of a planned task."""
    return Step(planned.id, planned.specialist, planned.goal, phase, message, status, planned.after)
