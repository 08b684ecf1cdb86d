"""A specialist that plays a script: every call must be the next step of it, and every step must be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opswright.agents.ports import Lesson, Performer, Specialist
from opswright.nouns import Action, History, Json, Observation, Permit, Proposal, Task, Tier, Verdict


@dataclass(frozen=True)
class Call:
    """One expected call: the port, what it must be called with (by name, as far as given), and what it gives."""

    port: str
    gives: Any = None
    tier: Tier | None = None
    trials: int | None = None


class Script:
    """The ports of a specialist, all in one object."""

    def __init__(self, *steps: Call) -> None:
        self._steps = list(steps)
        self.said: list[tuple[Task, Verdict]] = []

    def specialist(self) -> Specialist:
        """The bundle the loop takes."""
        return Specialist("scripted", "1", self, self, self, self, self, self)

    def finished(self) -> None:
        """Asserts that nothing of the script is left."""
        assert not self._steps, f"unused steps: {[step.port for step in self._steps]}"

    def ask(self, task: Task, history: History, tier: Tier) -> Proposal | None:
        step = self._next("ask")
        assert step.tier in (None, tier), f"asked the {tier} tier, the script says {step.tier}"
        assert step.trials in (None, len(history)), f"the history has {len(history)} trials, not {step.trials}"
        return step.gives if isinstance(step.gives, Proposal | None) else Proposal(tier, step.gives)

    def precheck(self, task: Task, proposal: Proposal) -> Verdict:
        return self._verdict("precheck")

    def judge(self, task: Task, history: History) -> Verdict:
        step = self._next("judge")
        assert step.trials in (None, len(history)), f"the history has {len(history)} trials, not {step.trials}"
        assert history[-1].observation is not None, "judged without an observation"
        assert isinstance(step.gives, Verdict)
        return step.gives

    def trial_actions(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        return self._actions("trial_actions")

    def trial(self, task: Task, proposal: Proposal, performer: Performer, permits: Mapping[str, Permit]) -> Observation:
        step = self._next("trial")
        seen = step.gives(performer, permits) if callable(step.gives) else step.gives
        return Observation(proposal.id, seen or {})

    def adoption(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        return self._actions("adoption")

    def result(self, task: Task, history: History, verdict: Verdict) -> Json:
        return {"content": history[-1].proposal.content if history else None, "outcome": verdict.outcome.value}

    def verify(self, task: Task, proposal: Proposal) -> Verdict:
        return self._verdict("verify")

    def reflect(self, task: Task, history: History, verdict: Verdict) -> Sequence[Lesson]:
        self.said.append((task, verdict))
        step = self._next("reflect")
        return step.gives or ()

    def replay(self, task: Task, result: Json, evidence: Json) -> Verdict:
        return self._verdict("replay")

    def _verdict(self, port: str) -> Verdict:
        verdict = self._next(port).gives
        assert isinstance(verdict, Verdict)
        return verdict

    def _actions(self, port: str) -> Sequence[Action]:
        found = self._next(port).gives or ()
        return tuple(found)

    def _next(self, port: str) -> Call:
        assert self._steps, f"{port} was called after the end of the script"
        step = self._steps.pop(0)
        assert step.port == port, f"{port} was called, the script says {step.port}"
        if isinstance(step.gives, Exception):
            raise step.gives
        return step
