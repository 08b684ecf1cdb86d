"""The last nodes of a task: its receipt, what it taught, and how it ended."""

from opswright.agents.episode import EPISODE, Episode
from opswright.agents.outcomes import TaskOutcome, best_trial, closing_verdict, until, with_cost
from opswright.agents.receipts import ReceiptContent
from opswright.agents.state import ADOPTION, Bench, LoopState, Update
from opswright.nouns import Json, Tier, Trial, Usage, Verdict, as_json

JUDGED = ("accepted", "rejected", "undecided")
# A result that failed its verification was accepted once and is nothing to show any more.
STANDING = ("accepted", "approval", "budget")


class Closing(Bench):
    """The last nodes of a task."""

    def finish(self, state: LoopState) -> Update:
        """Writes the receipt of an accepted result and how the task ended."""
        episode, usage = self.episode(state), self.services.ledger.spent
        task, history = episode.task(), episode.history()
        best = best_trial(history) if state["status"] in STANDING else None
        tier = best.proposal.tier if best else Tier(state.get("tier", Tier.SOLVER))
        shown = best.verdict if best and best.verdict else closing_verdict(state["status"], state["reason"])
        result = with_cost(self.specialist.adopter.result(task, until(history, best), shown), tier, usage)
        outcome = TaskOutcome(
            task=task.id,
            specialist=self.specialist.name,
            goal=task.goal,
            status=state["status"],
            reason=state["reason"],
            result=result,
            tier=tier.value,
            usage=usage,
            receipt="" if best is None else self._receipt(state, episode, best, shown, result, usage),
            notes=tuple(episode.notes()),
            tried=_tried(state),
            adopted=state.get("adopted", False),
        )
        episode.write_outcome(state.get("attempt", 0), outcome.as_json())
        episode.write(EPISODE, {"specialist": outcome.specialist, "tried": [list(one) for one in outcome.tried]})
        return {"receipt": outcome.receipt}

    def reflect(self, state: LoopState) -> Update:
        """Keeps what a judged episode taught."""
        if state["status"] in JUDGED:
            episode = self.episode(state)
            task, verdict = episode.task(), closing_verdict(state["status"], state["reason"])
            lessons = self.specialist.reflector.reflect(task, episode.history(), verdict)
            self.services.learn(task, lessons, verdict, state["receipt"])
        return {}

    def _receipt(
        self, state: LoopState, episode: Episode, best: Trial, verdict: Verdict, result: Json, usage: Usage
    ) -> str:
        trials = [as_json(trial) for trial in episode.history()]
        content = ReceiptContent(
            run=episode.run,
            task=episode.task(),
            proposal=best.proposal,
            result=result,
            verdict=verdict,
            evidence={"verdict": as_json(verdict), "trials": trials, "notes": episode.notes()},
            version=self.specialist.version,
            usage=usage,
            tried=_tried(state),
            memory=tuple(self.services.recalled()),
            adoption=episode.actions(ADOPTION),
            adopted=state.get("adopted", False),
        )
        return self.services.write_receipt(content)


def _tried(state: LoopState) -> tuple[tuple[str, str], ...]:
    return tuple((tier, ending) for tier, ending in state.get("tried", []))
