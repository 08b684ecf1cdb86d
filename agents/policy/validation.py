"""Who decides about a proposed policy, and how it is tried: the trial is the proof and changes nothing."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opswright.agents.policy.changes import changes, new_grants, size_warnings
from opswright.agents.policy.contents import read_proposal
from opswright.agents.policy.inputs import Work, read_work
from opswright.agents.policy.proofs import Judgement, counterexamples, judge, request_json
from opswright.agents.policy.setting import Setting
from opswright.agents.ports import Performer, accepted, rejected, undecided
from opswright.nouns import Action, History, Json, Observation, Outcome, Permit, Proposal, Task, Tier, Verdict
from opswright.tools.iam.document import Policy


def proof(work: Work, candidate: Policy) -> dict[str, Json]:
    """Everything that can be shown of a candidate, as JSON: what a trial observes and a replay recomputes."""
    setting = Setting.of(work.policy, work.spec)
    found = judge(setting, work.spec, candidate, work.generalise)
    changed = changes(work.policy, candidate)
    mends = len(work.mended)
    grows = work.generalise and found.widened and found.outcome is Outcome.ACCEPTED
    return {
        "outcome": found.outcome.value,
        "reason": found.reason,
        "requests": {"total": found.total, "satisfied": found.satisfied},
        "claims": [claim.to_json() for claim in found.claims],
        "widened": found.widened,
        "witness": request_json(found.witness) if found.witness else None,
        "edits": {"statements": max(changed.statements, min(mends, 1)), "elements": changed.elements + mends},
        "new_access": list(new_grants(work.policy, candidate)) if grows else [],
        "warnings": [*work.mended, *size_warnings(candidate.value, setting.resource_based)],
        "counterexamples": _counterexamples(found, candidate),
    }


def _counterexamples(found: Judgement, candidate: Policy) -> list[Json]:
    return list(counterexamples(found, candidate)) if found.outcome is Outcome.REJECTED else []


def verdict_of(shown: Mapping[str, Json]) -> Verdict:
    """The verdict that a proof amounts to."""
    evidence = {name: value for name, value in shown.items() if name not in ("outcome", "reason")}
    say = {Outcome.ACCEPTED: accepted, Outcome.REJECTED: rejected, Outcome.UNDECIDED: undecided}
    return say[Outcome(shown["outcome"])](str(shown["reason"]), **evidence)


@dataclass(frozen=True)
class PolicyChecker:
    """Implements the Checker port."""

    def precheck(self, task: Task, proposal: Proposal) -> Verdict:
        """A document that AWS would take."""
        found = read_proposal(proposal)
        return found if isinstance(found, Verdict) else accepted("the document is well-formed")

    def judge(self, task: Task, history: History) -> Verdict:
        """What the last trial's proof amounts to."""
        observation = history[-1].observation
        if observation is None:
            return undecided("the proposal was not tried")
        return verdict_of(observation.values)


@dataclass(frozen=True)
class PolicyTrialist:
    """Implements the Trialist port."""

    def trial_actions(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        """None: a proof changes nothing."""
        return ()

    def trial(self, task: Task, proposal: Proposal, performer: Performer, permits: Mapping[str, Permit]) -> Observation:
        """Decides every request and proves every bound."""
        began = time.perf_counter()
        candidate = read_proposal(proposal)
        if isinstance(candidate, Verdict):
            shown: dict[str, Json] = {"outcome": candidate.outcome.value, "reason": candidate.reason}
        else:
            shown = proof(read_work(task), candidate)
        return Observation(proposal.id, shown, time.perf_counter() - began)


@dataclass(frozen=True)
class PolicyReplayer:
    """Implements the Replayer port."""

    def replay(self, task: Task, result: Json, evidence: Json) -> Verdict:
        """Proves the result's policy again from the task and compares what the receipt claims of it."""
        if not isinstance(result, dict) or not isinstance(result.get("policy"), dict):
            return rejected("the result holds no policy")
        work = read_work(task)
        candidate = read_proposal(Proposal(Tier.SOLVER, {"policy": result["policy"]}))
        if isinstance(candidate, Verdict):
            return candidate
        shown = proof(work, candidate)
        for name in ("requests", "widened", "edits"):
            if result.get(name) != shown[name]:
                return rejected(f"{name} is {shown[name]}, the receipt says {result.get(name)}", recomputed=shown)
        text = result.get("text")
        if not isinstance(text, str) or _value_of(text) != candidate.value:
            return rejected("the result's text is not its policy")
        return verdict_of(shown)


def _value_of(text: str) -> Json:
    from opswright.errors import InputError
    from opswright.tools.iam.parser import parse_policy

    try:
        return parse_policy(text, "result").value
    except InputError:
        return None
