"""The last nodes of a task: what it taught, its receipt, and how it ended."""

from opswright.agents.episode import Episode
from opswright.agents.outcomes import TaskOutcome, best_trial, closing_verdict, with_cost
from opswright.agents.services import Accepted
from opswright.agents.state import Bench, LoopState, Update
from opswright.nouns import Json, Tier, Usage, Verdict, as_json

JUDGED = ("accepted", "rejected", "undecided")


class Closing(Bench):
    """The last nodes of a task."""

    def reflect(self, state: LoopState) -> Update:
        """Keeps what a judged episode taught."""
        if state["status"] in JUDGED:
            episode = self.episode(state)
            task, verdict = episode.task(), closing_verdict(state["status"], state["reason"])
            lessons = self.specialist.reflector.reflect(task, episode.history(), verdict)
            self.services.learn(episode.run, task, lessons, verdict)
        return {"to": "finish"}

    def finish(self, state: LoopState) -> Update:
        """Writes the receipt of an accepted result and how the task ended."""
        episode, usage = self.episode(state), self.services.ledger.spent
        task, history = episode.task(), episode.history()
        best = best_trial(history)
        verdict = best.verdict if best else None
        tier = best.proposal.tier if best else Tier(state.get("tier", Tier.SOLVER))
        shown = verdict or closing_verdict(state["status"], state["reason"])
        result = with_cost(self.specialist.adopter.result(task, history, shown), tier, usage)
        outcome = TaskOutcome(
            task=task.id,
            specialist=self.specialist.name,
            goal=task.goal,
            status=state["status"],
            reason=state["reason"],
            result=result,
            tier=tier.value,
            usage=usage,
            receipt="" if verdict is None else self._receipt(state, episode, result, verdict, tier, usage),
            notes=tuple(episode.notes()),
            tried=tuple((name, ending) for name, ending in state.get("tried", [])),
            adopted=state.get("adopted", False),
        )
        episode.write_outcome(state.get("attempt", 0), outcome.as_json())
        return {}

    def _receipt(
        self, state: LoopState, episode: Episode, result: Json, verdict: Verdict, tier: Tier, usage: Usage
    ) -> str:
        trials = [as_json(trial) for trial in episode.history()]
        accepted = Accepted(
            run=episode.run,
            task=episode.task(),
            manifest=self.manifest,
            version=self.specialist.version,
            result=result,
            verdict=verdict,
            evidence={"verdict": as_json(verdict), "trials": trials, "notes": episode.notes()},
            adopted=state.get("adopted", False),
            tier=tier,
            usage=usage,
        )
        return self.services.write_receipt(accepted)
