"""The nodes that may change the world: two gates, and behind them the trial, the adoption and its verification.

The gates change nothing. What comes after them goes through a performer, which checks the permit again, writes the undo
record first and does every action once in its scope.
"""

from opswright.agents import episode as records
from opswright.agents.episode import Episode, small
from opswright.agents.gates import authorise
from opswright.agents.performer import JournalledPerformer
from opswright.agents.ports import rejected
from opswright.agents.state import ADOPTION, Bench, LoopState, Update, ask_person, ends, permits_of, trial_stage, tried
from opswright.agents.tiers import Ending
from opswright.errors import ApprovalNeeded, ApprovalRefused, BudgetSpent, ToolFailed
from opswright.nouns import Outcome, Proposal, Usage, as_json


class Deeds(Bench):
    """The nodes that may change the world."""

    def authorise_trial(self, state: LoopState) -> Update:
        """Gate: may the trial do what it would do?"""
        stage = trial_stage(state["round"])
        if self.services.dry_run and self.episode(state).actions(stage):
            return ends("approval", "a dry run changes nothing, and this trial would")
        return self._authorise(state, stage, "trial")

    def authorise_adoption(self, state: LoopState) -> Update:
        """Gate: may the accepted result be made real? Passed over where there is nothing to do."""
        if self.services.dry_run or not self.episode(state).actions(ADOPTION):
            return {"to": "finish"}
        return self._authorise(state, ADOPTION, "apply")

    def _authorise(self, state: LoopState, stage: str, onwards: str) -> Update:
        work, run, task = self.services.work, state["run"], state["task"]
        actions = self.episode(state).actions(stage)
        gate = authorise(actions, self.manifest.risk, lambda action: work.decide(action, run, task, stage))
        refused = gate.refused
        if gate.pending and not refused:
            refused = ask_person(task, stage, {action.hash: reason for action, reason in gate.pending})
        if refused:
            return ends("approval", refused)
        permits = {action_hash: permit.granted_by for action_hash, permit in gate.permits.items()}
        return {"permits": permits, "to": onwards}

    def trial(self, state: LoopState) -> Update:
        """Tries the proposal and always takes back what that changed, before anything is concluded from it."""
        episode, number, proposal = self.current(state)
        stage = trial_stage(number)
        performer = self.performer(state, stage)
        try:
            # What a killed attempt at this trial left behind goes first, also where its observation is there already.
            performer.revert()
            if episode.find_observation(number) is None and episode.find_verdict(records.VERDICT, number) is None:
                self._try(state, episode, proposal, performer)
        except BudgetSpent as error:
            return ends("budget", str(error))
        except ApprovalNeeded as error:
            return ends("approval", ask_person(state["task"], stage, {error.action_hash: str(error)}))
        except ApprovalRefused as error:
            return ends("approval", str(error))
        if episode.find_observation(number) is None:
            return {**tried(state, Ending.REJECTED), "to": "choose"}
        return {"to": "judge"}

    def _try(self, state: LoopState, episode: Episode, proposal: Proposal, performer: JournalledPerformer) -> None:
        """Writes the observation, or the rejection of a trial whose tool failed, once everything is taken back."""
        number = state["round"]
        deadlines = [one.deadline_s or 0.0 for one in episode.actions(trial_stage(number))]
        longest = max(deadlines, default=0.0)
        self.services.ledger.reserve(Usage(trials=1, seconds=longest), f"trial {number}").settle(Usage(trials=1))
        problem = ""
        try:
            observation = self.specialist.trialist.trial(episode.task(), proposal, performer, permits_of(state))
            performer.check()  # what was seen after a deadline was not seen under the change
            small(as_json(observation), f"observation of round {number}")
        except ToolFailed as error:
            problem = f"the trial failed: {error}"
        finally:
            performer.revert()
        if problem:
            episode.write(records.VERDICT, as_json(rejected(problem)), number)
        else:
            episode.write(records.OBSERVATION, as_json(observation), number)

    def apply(self, state: LoopState) -> Update:
        """Makes the accepted result real: all of it, or none."""
        try:
            self._adopt(state)
        except ToolFailed as error:
            return ends("rejected", f"adopting it failed and was undone: {error}")
        except ApprovalNeeded as error:
            return ends("approval", ask_person(state["task"], ADOPTION, {error.action_hash: str(error)}))
        except ApprovalRefused as error:
            return ends("approval", str(error))
        return {"to": "verify"}

    def _adopt(self, state: LoopState) -> None:
        """Performs what is not done yet; takes all of it back where one action fails."""
        performer, permits, done = self.performer(state, ADOPTION), permits_of(state), False
        try:
            for action in self.episode(state).actions(ADOPTION):
                performer.perform(action, permits[action.hash])
            done = True
        finally:
            if not done:
                performer.revert()

    def verify(self, state: LoopState) -> Update:
        """Is it what was accepted? Then it is kept; if not, it is taken back."""
        episode, _, proposal = self.current(state)
        # Done already, unless the process died after `apply` and the watchdog took it back: then it is done again.
        if (update := self.apply(state))["to"] != "verify":
            return update
        performer = self.performer(state, ADOPTION)
        try:
            verdict = self.specialist.adopter.verify(episode.task(), proposal)
            if verdict.accepted:
                performer.keep()
            else:
                performer.revert()
        except ToolFailed as error:
            performer.revert()
            return ends("rejected", f"it could not be kept: {error}")
        finally:
            performer.close()
        episode.write(f"{state.get('attempt', 0)}/{records.VERIFIED}", as_json(verdict))
        if verdict.accepted:
            return {"adopted": True, "to": "finish"}
        status = "undecided" if verdict.outcome is Outcome.UNDECIDED else "rejected"
        return ends(status, f"after adopting it, it was not what was accepted ({verdict.reason}); it was undone")
