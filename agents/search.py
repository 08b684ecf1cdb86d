"""The nodes that look for a proposal and judge it: choose, ask, precheck, judge. None changes the world."""

from collections.abc import Mapping
from typing import Any

from opswright.agents import episode as records
from opswright.agents.episode import Ask, Episode
from opswright.agents.state import ADOPTION, Bench, LoopState, Update, ends, storable, trial_stage, tried
from opswright.agents.tiers import Ending, Episodes, Round, TierPlan, next_tier, plan_tiers
from opswright.errors import BudgetSpent, EndpointFailed, ModelRetry
from opswright.knowledge.journal import Journal
from opswright.nouns import Proposal, Tier, Verdict, as_json


class Search(Bench):
    """The nodes that look for a proposal and judge it."""

    def choose(self, state: LoopState) -> Update:
        """The tier of the next round, or the end."""
        update: Update = {} if "order" in state else self._plan()
        plan = _plan_of({**state, **update})
        done = state.get("tried", [])
        tier = next_tier(plan, [Round(Tier(name), Ending(ending)) for name, ending in done])
        if tier is None:
            return {**update, **self._over(state, done)}
        return {**update, "tier": tier.value, "round": state.get("round", 0) + 1, "to": "ask"}

    def _plan(self) -> Update:
        services, manifest = self.services, self.manifest
        # With no model there is one tier, and nothing to learn from the log.
        log = past_episodes(services.journal, manifest.name) if services.models else {}
        plan = plan_tiers(services.tier, manifest.tiers, services.models, manifest.rounds, log)
        rounds = {tier.value: count for tier, count in plan.rounds.items()}
        return {"order": [tier.value for tier in plan.order], "rounds": rounds, "forced": plan.forced, "tried": []}

    def _over(self, state: LoopState, done: list[list[str]]) -> Update:
        """No tier goes on: the last improvement is adopted, or the task ends without a result."""
        episode = self.episode(state)
        improved = [number for number, (_, ending) in enumerate(done, 1) if ending == Ending.IMPROVED]
        if not improved:
            return _exhausted(done)
        ask, verdict = episode.find_ask(improved[-1]), episode.find_verdict(records.VERDICT, improved[-1])
        assert ask is not None and verdict is not None  # `judge` called it an improvement
        return {**self._adopts(state, ask.proposal, verdict), "round": improved[-1], "tier": ask.tier.value}

    def _adopts(self, state: LoopState, proposal: Proposal | None, verdict: Verdict) -> Update:
        episode = self.episode(state)
        assert proposal is not None
        episode.fix_actions(ADOPTION, lambda: self.specialist.adopter.adoption(episode.task(), proposal))
        return {"status": "accepted", "reason": storable(verdict.reason), "to": "authorise_adoption"}

    def ask(self, state: LoopState) -> Update:
        """One proposal of the round's tier; nothing new, a repetition or a failed model ends the round."""
        episode, number, tier = self.episode(state), state["round"], Tier(state["tier"])
        answer = episode.find_ask(number)
        if answer is None:
            self.say(f"{tier} tier proposes (round {number})")
            try:
                answer = self._answer(episode, number, tier, state["forced"])
            except BudgetSpent as error:
                return ends("budget", str(error))
            episode.write_ask(answer)
        # An earlier attempt's answer stands, and so does the tier that gave it.
        now: LoopState = {**state, "tier": answer.tier.value}
        if answer.ending:
            return {**tried(now, answer.ending), "tier": now["tier"], "to": "choose"}
        return {"tier": now["tier"], "to": "precheck"}

    def _answer(self, episode: Episode, number: int, tier: Tier, forced: bool) -> Ask:
        history = episode.history()
        try:
            proposal = self.specialist.proposer.ask(episode.task(), history, tier)
        except (ModelRetry, EndpointFailed) as error:
            if forced:
                raise
            self.say(f"{tier} tier failed: {error}")
            return Ask(number, tier, None, Ending.FAILED, str(error))
        if proposal is None:
            return Ask(number, tier, None, Ending.NOTHING, "nothing new to offer")
        if proposal.id in {trial.proposal.id for trial in history}:
            return Ask(number, tier, None, Ending.REPEATED, f"proposed {proposal.id} again")
        return Ask(number, tier, proposal)

    def precheck(self, state: LoopState) -> Update:
        """What must not even be tried is a rejected trial."""
        episode, number, proposal = self.current(state)
        task = episode.task()
        verdict = episode.find_verdict(records.PRECHECK, number) or self.specialist.checker.precheck(task, proposal)
        episode.write(records.PRECHECK, as_json(verdict), number)
        if not verdict.accepted:
            episode.write(records.VERDICT, as_json(verdict), number)
            self.say(f"{verdict.outcome} before any trial: {verdict.reason}")
            return {**tried(state, verdict.outcome.value), "to": "choose"}
        episode.fix_actions(trial_stage(number), lambda: self.specialist.trialist.trial_actions(task, proposal))
        return {"to": "authorise_trial"}

    def judge(self, state: LoopState) -> Update:
        """The verdict on this round, in the light of all of them."""
        episode, number, proposal = self.current(state)
        verdict = episode.find_verdict(records.VERDICT, number)
        if verdict is None:
            verdict = self.specialist.checker.judge(episode.task(), episode.history())
            episode.write(records.VERDICT, as_json(verdict), number)
        self.say(f"{verdict.outcome}: {verdict.reason}")
        if not verdict.accepted or verdict.more:
            return {**tried(state, Ending.IMPROVED if verdict.accepted else verdict.outcome.value), "to": "choose"}
        return {**tried(state, Ending.ACCEPTED), **self._adopts(state, proposal, verdict)}


def past_episodes(journal: Journal, specialist: str) -> dict[Tier, Episodes]:
    """How the tiers did in earlier tasks of a specialist, from the journal."""
    counts: dict[Tier, Episodes] = {}
    for record in journal.read(kind=records.EPISODE):
        if record.payload["specialist"] != specialist:
            continue
        endings: dict[str, list[str]] = {}
        for tier, ending in record.payload["tried"]:
            endings.setdefault(tier, []).append(ending)
        for name, found in endings.items():
            old = counts.get(Tier(name), Episodes())
            good = Ending.ACCEPTED in found or Ending.IMPROVED in found
            counts[Tier(name)] = Episodes(old.tried + 1, old.accepted + good)
    return counts


def _plan_of(state: Mapping[str, Any]) -> TierPlan:
    order = tuple(Tier(name) for name in state["order"])
    return TierPlan(order, {Tier(name): count for name, count in state["rounds"].items()}, state["forced"])


def _exhausted(done: list[list[str]]) -> Update:
    """How a task ends that no tier could finish: one doubt is enough to make it undecided, never accepted."""
    endings = [ending for _, ending in done]
    if Ending.UNDECIDED in endings:
        return ends("undecided", "a proposal could neither be proved nor refuted")
    if Ending.REJECTED in endings:
        return ends("rejected", "no proposal was accepted")
    return ends("rejected", "no tier had anything to propose")
