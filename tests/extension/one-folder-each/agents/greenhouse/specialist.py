"""The ports of the greenhouse specialist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from opswright.agents.dialogue.conversation import Topic, Use, converse
from opswright.agents.greenhouse.inputs import Work, read_work
from opswright.agents.greenhouse.settings import GreenhouseSettings
from opswright.agents.greenhouse.validation import VERSION, GreenhouseChecker
from opswright.agents.ports import Context, Lesson, Performer, Specialist, accepted, rejected
from opswright.errors import ModelRetry
from opswright.nouns import Action, History, Json, Observation, Permit, Proposal, Task, Tier, Verdict
from opswright.sandboxes.environments.ports import MEASURE, Environment
from opswright.tools.greenhouse import setting
from opswright.tools.greenhouse.house import COLD_C, GRID, House, Sensors

ADVISE = "greenhouse/advise"


def build(context: Context) -> Specialist:
    """The specialist over what it may use."""
    ports = Greenhouse(context)
    checker = GreenhouseChecker()
    return Specialist("greenhouse", VERSION, ports, checker, ports, ports, ports, checker)


class Advice(BaseModel):
    """What a model answers."""

    model_config = ConfigDict(extra="forbid")

    vent_percent: int
    heating_c: int
    reason: str = Field(max_length=500)


@dataclass(frozen=True)
class Greenhouse:
    """Proposer, Trialist, Adopter and Reflector."""

    context: Context

    def ask(self, task: Task, history: History, tier: Tier) -> Proposal | None:
        """The solver goes through the grid, warmest first after a cold week; a model looks at the sensors itself."""
        work, tried = read_work(task), [trial.proposal.content for trial in history]
        if tier is not Tier.SOLVER:
            return self._advised(task, work, tried, tier)
        seen = self.context.note("air", lambda: self._sensors().call("history", {"sensor": "air", "days": 7}))
        cold = sum(seen) / len(seen) < COLD_C
        points = [point for point in GRID.points() if point != dict(work.present) and point not in tried]
        points = [point for point in points if point["vent_percent"] == work.present["vent_percent"]] or points
        points.sort(key=lambda point: -float(point["heating_c"]) if cold else float(point["heating_c"]))
        return Proposal(tier, points[0], "a cold week: warmer" if cold else "a warm week: cooler") if points else None

    def _advised(self, task: Task, work: Work, tried: Sequence[Json], tier: Tier) -> Proposal:
        def on_the_grid(found: Advice) -> None:
            if _settings(found) not in GRID.points():
                raise ModelRetry(f"not on the grid: {GRID.as_json()['parameters']}")

        inputs: dict[str, Json] = {"goal": task.goal, "present": dict(work.present), "tried": list(tried)}
        inputs["grid"] = GRID.as_json()["parameters"]
        topic = Topic(ADVISE, inputs, Advice, on_the_grid)
        ended = converse(self.context, tier, topic, [Use("greenhouse.sensor", self._sensors())])
        return Proposal(tier, _settings(ended.answer), ended.answer.reason)

    def trial_actions(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        """Where a recording stands in for the greenhouse there is nothing to change."""
        return [self._set(task, proposal)] if self.context.surroundings.live else []

    def trial(self, task: Task, proposal: Proposal, performer: Performer, permits: Mapping[str, Permit]) -> Observation:
        """Days under the present settings, then days under the proposed ones, paired by day."""
        work, house = read_work(task), self._house(read_work(task))
        before = self._days(performer, house, proposal, work.present)
        for action in self.trial_actions(task, proposal):
            performer.perform(action, permits[action.hash])
        after = self._days(performer, house, proposal, proposal.content)
        return Observation(
            proposal.id, {"pairs": [{"before": one, "after": two} for one, two in zip(before, after, strict=True)]}
        )

    def _days(
        self, performer: Performer, house: Environment, proposal: Proposal, settings: Mapping[str, Json]
    ) -> list[Json]:
        """One measurement a day, each taken once even where the process is killed in between. The days of a trial are
        its own blocks: what is measured under one name was measured together.
        """

        def measured(day: int) -> Json:
            block = f"{proposal.id} day {day}"
            return performer.note(
                f"{block} {dict(settings)}",
                lambda: house.call(MEASURE, {"configuration": dict(settings), "block": block}),
            )

        return [measured(day) for day in range(self._settings.days)]

    def adoption(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        """The same change, for good."""
        return self.trial_actions(task, proposal)

    def result(self, task: Task, history: History, verdict: Verdict) -> Json:
        """The settings that were accepted, or none."""
        best = history[-1].proposal.content if history and verdict.accepted else None
        return {"settings": best, "reason": verdict.reason, "trials": len(history)}

    def verify(self, task: Task, proposal: Proposal) -> Verdict:
        """The controller holds what was accepted."""
        found = setting.read(read_work(task).controller)
        return accepted("the controller is set") if found == proposal.content else rejected(f"it is set to {found}")

    def reflect(self, task: Task, history: History, verdict: Verdict) -> Sequence[Lesson]:
        """Nothing yet."""
        return ()

    def _set(self, task: Task, proposal: Proposal) -> Action:
        return setting.action(read_work(task).controller, proposal.content)

    @property
    def _settings(self) -> GreenhouseSettings:
        given = self.context.settings
        return given if isinstance(given, GreenhouseSettings) else GreenhouseSettings()

    def _house(self, work: Work) -> Environment:
        at = str(work.controller)
        return self.context.surroundings.environment("house", lambda: House(work.controller), at)

    def _sensors(self) -> Environment:
        return self.context.surroundings.environment("sensors", Sensors)


def _settings(advice: Advice) -> dict[str, Json]:
    return {"vent_percent": advice.vent_percent, "heating_c": advice.heating_c}
