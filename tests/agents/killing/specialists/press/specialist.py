"""The ports, each with a kill point before and after its work."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from opswright.agents.ports import Context, Lesson, Performer, Specialist, accepted, rejected
from opswright.nouns import Action, History, Json, Observation, Permit, Proposal, Risk, Task, Tier, Verdict
from opswright.tools.files import write
from tests.agents.killing.points import point


def build(context: Context) -> Specialist:
    """The specialist."""
    ports = Press()
    return Specialist("press", "1", ports, ports, ports, ports, ports, ports)


class Press:
    """A first proposal that is rejected, a second that is accepted. Only the second one's trial changes anything."""

    def ask(self, task: Task, history: History, tier: Tier) -> Proposal | None:
        point("ask:before")
        return None if len(history) > 1 else Proposal(tier, {"number": len(history) + 1})

    def precheck(self, task: Task, proposal: Proposal) -> Verdict:
        point("precheck")
        return accepted("fine")

    def trial_actions(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        return [write.action(Path(task.inputs["tried"]), "tried")] if proposal.content["number"] == 2 else []

    def trial(self, task: Task, proposal: Proposal, performer: Performer, permits: Mapping[str, Permit]) -> Observation:
        number = proposal.content["number"]
        point(f"trial:{number}:before")
        if number == 2:
            action = write.action(Path(task.inputs["tried"]), "tried")
            performer.perform(action, permits[action.hash])
        point(f"trial:{number}:after")
        seen = Path(task.inputs["tried"]).read_text(encoding="utf-8")
        return Observation(proposal.id, {"seen": seen})

    def judge(self, task: Task, history: History) -> Verdict:
        point("judge")
        last = history[-1]
        assert last.observation is not None
        if len(history) == 1:
            return rejected("one is not enough")
        seen = last.observation.values["seen"]
        return accepted("second time lucky") if seen == "tried" else rejected(f"it saw {seen!r}: it was not tried")

    def adoption(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        point("adoption")
        arguments = {"url": task.inputs["url"], "tells": task.inputs["tells"]}
        counted = Action("crash.counter", arguments, Risk.IRREVERSIBLE, preview="count one")
        # Disruptive, so that a watchdog takes it back when the process dies before it is verified and kept.
        written = replace(write.action(Path(task.inputs["adopted"]), "adopted"), risk=Risk.DISRUPTIVE)
        return [written, counted]

    def verify(self, task: Task, proposal: Proposal) -> Verdict:
        point("verify")
        found = Path(task.inputs["adopted"]).read_text(encoding="utf-8")
        return accepted("there") if found == "adopted" else rejected(f"found {found!r}")

    def result(self, task: Task, history: History, verdict: Verdict) -> Json:
        point("result")
        return {"number": history[-1].proposal.content["number"]}

    def reflect(self, task: Task, history: History, verdict: Verdict) -> Sequence[Lesson]:
        point("reflect")
        return [Lesson("", "habit", {"about": "number", "number": 2}, "the second number works")]

    def replay(self, task: Task, result: Json, evidence: Json) -> Verdict:
        return accepted("nothing to replay")
