"""Who proposes a repaired policy: the solver, and three model pipelines that see what the solver could not settle."""

from collections.abc import Sequence
from dataclasses import dataclass

from opswright.agents.policy.changes import statement_values
from opswright.agents.policy.inputs import Work, read_work
from opswright.agents.policy.lessons import favoured, recalled
from opswright.agents.policy.localise import localisation
from opswright.agents.policy.proofs import request_json
from opswright.agents.policy.proposals import Choice, EditList, apply_edits, describe
from opswright.agents.policy.reference import reference
from opswright.agents.policy.repair import Candidate, Options, Repair, check_consistent, repair
from opswright.agents.ports import Context
from opswright.errors import BudgetSpent, EndpointFailed, InputError, ModelRetry
from opswright.nouns import History, Json, Proposal, Task, Tier
from opswright.tools.iam.parser import policy_from_value

CHOOSE, EDIT, EDIT_RICH = "policy/choose", "policy/edit", "policy/edit-rich"


@dataclass(frozen=True)
class PolicyProposer:
    """Implements the Proposer port."""

    context: Context

    def ask(self, task: Task, history: History, tier: Tier) -> Proposal | None:
        """The next proposal of a tier; None when it has nothing to offer, or leaves a choice to a model.

        Raises InputError when the specification contradicts itself.
        """
        work = read_work(task)
        lessons = recalled(self.context.memory, work)
        options = Options(generalise=work.generalise, favoured=favoured(lessons))
        check_consistent(work.spec, str(task.inputs["spec_name"]))
        found = repair(work.policy, work.spec, options)
        if tier is Tier.SOLVER:
            return self._solver(found)
        if tier is Tier.LOW:
            return self._low(task, work, found, history)
        return self._edits(task, work, found, history, tier, [lesson.text for lesson in lessons])

    def _solver(self, found: Repair) -> Proposal | None:
        if found.best is None:
            # What came nearest is judged by the loop, so that everybody sees what speaks against it.
            return None if found.refused is None else proposal(Tier.SOLVER, found.refused, found.reason)
        if found.alternatives and Tier.LOW in self.context.models.available():
            return None  # equally likely repairs that mean different things: a model reads the goal and chooses
        return proposal(Tier.SOLVER, found.best, found.reason)

    def _low(self, task: Task, work: Work, found: Repair, history: History) -> Proposal | None:
        """A choice among the solver's candidates; without a choice to make or an answer, the solver's first."""
        if found.best is None:
            return None
        candidates = [found.best, *(one for one, _ in found.alternatives)]
        tried = {trial.proposal.id for trial in history}
        if len(candidates) == 1:
            first = proposal(Tier.LOW, candidates[0], found.reason)
            return None if first.id in tried else first
        inputs = {
            "goal": task.goal,
            "policy": _numbered(work),
            "candidates": _listed(found),
        }
        try:
            answer = self.context.models.ask(
                Tier.LOW, CHOOSE, inputs, Choice, lambda choice: check_choice(choice, len(candidates))
            )
            at, reason = answer.candidate - 1, answer.reason
        except (ModelRetry, EndpointFailed, BudgetSpent) as error:
            # The solver's first candidate is proved all the same; a missing opinion must not cost it.
            at, reason = 0, f"the model did not choose ({error})"
        chosen = candidates[at]
        return proposal(Tier.LOW, chosen, f"{chosen.judgement.reason}; {reason}")

    def _edits(
        self, task: Task, work: Work, found: Repair, history: History, tier: Tier, lessons: Sequence[str]
    ) -> Proposal | None:
        inputs: dict[str, Json] = {
            "mode": "generalise" if work.generalise else "strict",
            "goal": task.goal,
            "policy": _numbered(work),
            "specification": work_spec(task),
            "wrong": localisation(work.policy, work.spec),
            "rejected": rejections(history),
        }
        prompt = EDIT
        if tier is Tier.HIGH:
            prompt = EDIT_RICH
            inputs |= {"actions": reference(work), "candidates": _listed(found), "lessons": list(lessons)}
        answer = self.context.models.ask(tier, prompt, inputs, EditList, lambda found: check_edits(found, work))
        value = apply_edits(work.policy.value, answer.edits)
        return Proposal(tier, {"policy": value, "edits": describe(answer.edits)}, answer.reason)


def check_choice(choice: Choice, count: int) -> None:
    """Raises ModelRetry for a candidate that is not there."""
    if choice.candidate > count:
        raise ModelRetry(f"there is no candidate {choice.candidate}; there are {count}")


def check_edits(found: EditList, work: Work) -> None:
    """Raises ModelRetry when the edits do not fit the policy, or AWS would refuse what they make of it."""
    try:
        policy_from_value(apply_edits(work.policy.value, found.edits))
    except InputError as error:
        raise ModelRetry(f"AWS would refuse the repaired document: {error}") from error


def proposal(tier: Tier, candidate: Candidate, reason: str) -> Proposal:
    """A solver candidate as a proposal."""
    return Proposal(tier, {"policy": candidate.value, "edits": list(candidate.notes)}, reason)


def work_spec(task: Task) -> str:
    """The specification as the user wrote it."""
    return str(task.inputs["spec"])


def rejections(history: History) -> Json:
    """What became of earlier proposals: their edits, why they were rejected, and the counterexamples."""
    shown = []
    for trial in history[-4:]:
        verdict = trial.verdict or trial.precheck
        content = trial.proposal.content
        edits = content.get("edits", []) if isinstance(content, dict) else []
        shown.append(
            {
                "edits": edits,
                "reason": verdict.reason,
                "counterexamples": list(verdict.evidence.get("counterexamples", []))[:6],
            }
        )
    return shown


def _numbered(work: Work) -> Json:
    return [{"statement": at, **value} for at, value in enumerate(statement_values(work.policy.value), 1)]


def _listed(found: Repair) -> Json:
    """The solver's candidates: what each changes, and a request that the first and it decide differently."""
    if found.best is None:
        return []
    shown: list[Json] = [{"candidate": 1, "changes": list(found.best.notes)}]
    for at, (other, request) in enumerate(found.alternatives, 2):
        shown.append({"candidate": at, "changes": list(other.notes), "differs_from_1_on": request_json(request)})
    return shown
