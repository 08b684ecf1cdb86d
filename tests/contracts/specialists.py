"""What holds for the ports of every specialist: who proposes, checks, tries, adopts and replays.

class TestMine(SpecialistContract):
    @pytest.fixture
    def subject(self, tmp_path): return Subject(build(context), manifest, task, world=lambda: ...)
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from opswright.agents.approvals import Approvals
from opswright.agents.effects import MILDEST_FIRST, Effects
from opswright.agents.manifests import Manifest
from opswright.agents.performer import Workshop
from opswright.agents.ports import Specialist
from opswright.knowledge.journal import Journal
from opswright.nouns import (
    Action,
    History,
    Json,
    Observation,
    Outcome,
    Permit,
    Proposal,
    Risk,
    Task,
    Tier,
    Trial,
    Verdict,
    as_json,
    canonical_json,
)
from opswright.settings import ApprovalRules, ApprovalSettings

ALLOW = ApprovalSettings(environments={"local": ApprovalRules(reversible="allow", disruptive="allow")})
ROUNDS = 8
SPOILT: tuple[Json, ...] = (None, [], {}, "x", -1)
NONSENSE: tuple[Json, ...] = (None, True, 0, 1.5, "", "x", [], [1], {}, {"x": {}}, {"": None}, [[[]]], "\x00\ud800")


@dataclass(frozen=True)
class Subject:
    """A specialist with a task that its solver can finish. `world`: what its trials may change, as it is now."""

    specialist: Specialist
    manifest: Manifest
    task: Task
    world: Callable[[], Json] = lambda: None
    effects: Effects = field(default_factory=Effects)


@dataclass(frozen=True)
class Played:
    """What the loop would have done with a subject until its first acceptance."""

    history: History
    during: tuple[Json, ...]  # the world while each trial stood
    after: tuple[Json, ...]  # and once it was taken back

    @property
    def last(self) -> Trial:
        return self.history[-1]


def play(subject: Subject, folder: Path) -> Played:
    """Ask, precheck, try, take back, judge: until a proposal is accepted."""
    workshop = Workshop(Journal(folder / "j.sqlite3"), _approvals(folder), folder / "leases", subject.effects)
    history: History = ()
    during, after = list[Json](), list[Json]()
    for number in range(ROUNDS):
        proposal = subject.specialist.proposer.ask(subject.task, history, Tier.SOLVER)
        assert proposal is not None, "the solver gave up on a task that it is to finish"
        precheck = subject.specialist.checker.precheck(subject.task, proposal)
        trial = Trial(proposal, precheck, verdict=None if precheck.accepted else precheck)
        if precheck.accepted:
            observation = _tried(subject, workshop, f"trial/{number}", proposal, during)
            after.append(subject.world())
            history_now = (*history, replace(trial, observation=observation))
            verdict = subject.specialist.checker.judge(subject.task, history_now)
            trial = replace(trial, observation=observation, verdict=verdict)
        history = (*history, trial)
        if trial.verdict is not None and trial.verdict.accepted:
            return Played(history, tuple(during), tuple(after))
    raise AssertionError(f"nothing was accepted in {ROUNDS} rounds: {history}")


def _tried(subject: Subject, workshop: Workshop, scope: str, proposal: Proposal, during: list[Json]) -> Observation:
    performer = workshop.scope("run", subject.task.id, scope)
    permits = {action.hash: Permit(action.hash, "policy") for action in _actions(subject, proposal)}
    try:
        observation = subject.specialist.trialist.trial(subject.task, proposal, performer, permits)
        during.append(subject.world())
        return observation
    finally:
        performer.revert()


def _approvals(folder: Path) -> Approvals:
    return Approvals(Journal(folder / "j.sqlite3"), ALLOW)


def _actions(subject: Subject, proposal: Proposal) -> list[Action]:
    return list(subject.specialist.trialist.trial_actions(subject.task, proposal))


def broken(content: Json) -> Iterator[Json]:
    """A proposal's content with each of its places spoilt in turn."""
    if isinstance(content, dict):
        for key in content:
            yield {name: value for name, value in content.items() if name != key}
            for odd in SPOILT:
                yield {**content, key: odd}


class SpecialistContract:
    """Derive it, and say `subject`."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError("a class that keeps the contract says what it is about")

    @pytest.fixture
    def played(self, subject: Subject, tmp_path: Path) -> Played:
        return play(subject, tmp_path)

    def test_it_is_who_its_manifest_says(self, subject: Subject) -> None:
        assert subject.specialist.name == subject.manifest.name == subject.task.specialist
        assert subject.specialist.version

    def test_its_solver_finishes_and_repeats_nothing(self, played: Played) -> None:
        ids = [trial.proposal.id for trial in played.history]
        assert len(set(ids)) == len(ids)

    def test_a_trial_leaves_the_world_as_it_was(self, subject: Subject, tmp_path: Path) -> None:
        before = copy.deepcopy(subject.world())
        played = play(subject, tmp_path)
        assert all(world == before for world in played.after)
        changes = any(_actions(subject, trial.proposal) for trial in played.history)
        assert any(world != before for world in played.during) == changes

    def test_judging_is_pure(self, subject: Subject, played: Played) -> None:
        checker, task = subject.specialist.checker, canonical_json(as_json(subject.task))
        for end, trial in enumerate(played.history, 1):
            told = canonical_json([as_json(one) for one in played.history[:end]])
            assert checker.precheck(subject.task, trial.proposal) == trial.precheck
            if trial.observation is not None:
                assert checker.judge(subject.task, played.history[:end]) == trial.verdict
            assert canonical_json([as_json(one) for one in played.history[:end]]) == told
        assert canonical_json(as_json(subject.task)) == task

    def test_a_verdict_says_why(self, played: Played) -> None:
        for trial in played.history:
            for verdict in (trial.precheck, trial.verdict):
                assert isinstance(verdict, Verdict) and verdict.reason and "\n" not in verdict.reason

    def test_what_is_no_proposal_is_rejected_before_any_trial(self, subject: Subject, played: Played) -> None:
        for content in (*NONSENSE, *broken(played.last.proposal.content)):
            try:
                proposal = Proposal(Tier.LOW, content)
                verdict = subject.specialist.checker.precheck(subject.task, proposal)
            except UnicodeEncodeError:
                continue
            assert verdict.outcome in (Outcome.REJECTED, Outcome.ACCEPTED), content
            if content in NONSENSE:
                assert verdict.outcome is Outcome.REJECTED, content

    def test_its_actions_are_declared_exact_and_can_be_undone(self, subject: Subject, played: Played) -> None:
        adoption = subject.specialist.adopter.adoption(subject.task, played.last.proposal)
        for action in (*_actions(subject, played.last.proposal), *adoption):
            least = subject.manifest.risk.get(action.effect)
            assert least is not None, f"{action.effect} is not in the manifest's [risk]"
            assert MILDEST_FIRST.index(action.risk) >= MILDEST_FIRST.index(least)
            subject.effects.check_risk(action)
            assert action.preview, "nobody could say yes to it"
            undo = subject.effects.load(action.effect).capture(action.arguments)
            assert (undo is not None) == (action.risk in (Risk.REVERSIBLE, Risk.DISRUPTIVE))
        first, again = (_actions(subject, played.last.proposal) for _ in range(2))
        assert [action.hash for action in first] == [action.hash for action in again]

    def test_all_that_is_kept_is_plain_json(self, subject: Subject, played: Played) -> None:
        assert played.last.verdict is not None
        result = subject.specialist.adopter.result(subject.task, played.history, played.last.verdict)
        canonical_json([result, *[as_json(trial) for trial in played.history]])
        observed = [trial for trial in played.history if trial.observation is not None]
        assert all(trial.observation.proposal_id == trial.proposal.id for trial in observed if trial.observation)

    def test_a_receipt_s_evidence_replays(self, subject: Subject, played: Played) -> None:
        assert self._replayed(subject, played.history, played.last.verdict).accepted

    def test_a_rejected_trial_does_not_replay_as_accepted(self, subject: Subject, played: Played) -> None:
        for end, trial in enumerate(played.history, 1):
            if trial.observation is not None and trial.verdict is not None and not trial.verdict.accepted:
                forged = replace(trial.verdict, outcome=Outcome.ACCEPTED)
                history = (*played.history[: end - 1], replace(trial, verdict=forged))
                assert not self._replayed(subject, history, forged).accepted

    def test_without_a_trial_there_is_a_result_that_says_so(self, subject: Subject) -> None:
        none = Verdict(Outcome.REJECTED, "no tier had anything to propose")
        canonical_json(subject.specialist.adopter.result(subject.task, (), none))

    def _replayed(self, subject: Subject, history: History, verdict: Verdict | None) -> Verdict:
        assert verdict is not None
        result = subject.specialist.adopter.result(subject.task, history, verdict)
        evidence = {"verdict": as_json(verdict), "trials": [as_json(trial) for trial in history], "notes": []}
        return subject.specialist.replayer.replay(subject.task, result, evidence)
