"""The specialist's ports, with models that play a script."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opswright.agents.files import File
from opswright.agents.policy.draft import Draft
from opswright.agents.policy.evidence import Evidence
from opswright.agents.policy.inputs import classify, inputs, read_work, repair_inputs
from opswright.agents.policy.repair import repair
from opswright.agents.policy.search import Limits, search
from opswright.agents.policy.setting import Setting
from opswright.agents.policy.specialist import build
from opswright.agents.ports import Context, Performer, Specialist
from opswright.errors import BudgetSpent, EndpointFailed, InputError, ModelRetry
from opswright.nouns import Action, Json, Outcome, Permit, Proposal, Task, Tier, Trial, Verdict
from opswright.tools.models.prompts import Prompts
from tests.agents.policy.samples import allow, document
from tests.agents.policy.scripted import ScriptedMemory, ScriptedModels

FAULTY = document(allow(["s3:GetObjcet", "s3:ListBucket"], ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]))
SPEC = {
    "requests": [
        {"id": "read", "effect": "allow", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/x"},
        {"id": "write", "effect": "deny", "action": "s3:PutObject", "resource": "arn:aws:s3:::b/x"},
    ],
    "may": [{"action": "s3:*", "resource": "*"}],
}
# Nothing tells which of the two tags was meant: the requests carry both.
AMBIGUOUS = document(allow("s3:*", ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]))
AMBIGUOUS_SPEC = {
    "requests": [
        {
            "id": "yes",
            "effect": "allow",
            "action": "s3:GetObject",
            "resource": "arn:aws:s3:::b/x",
            "context": {"aws:PrincipalTag/team": "ops", "aws:PrincipalTag/site": "north"},
        },
        {
            "id": "no",
            "effect": "deny",
            "action": "s3:GetObject",
            "resource": "arn:aws:s3:::b/x",
            "context": {"aws:PrincipalTag/team": "dev", "aws:PrincipalTag/site": "south"},
        },
    ],
    "may": [{"action": "s3:*", "resource": "*"}],
}


class Nobody:
    """A performer that must not be asked."""

    def perform(self, action: Action, permit: Permit) -> Json:
        raise AssertionError(f"performed {action}")

    def take_back(self, action: Action) -> None:
        raise AssertionError(f"took back {action}")

    def note(self, name: str, make: Callable[[], Json]) -> Json:
        raise AssertionError(f"noted {name}")


def task(policy: Json = FAULTY, spec: Json = SPEC, **more: Json) -> Task:
    files = File("policy.json", json.dumps(policy, indent=2)), File("spec.json", json.dumps(spec))
    return Task("t1", "policy", "repair it", {**repair_inputs(*files, generalise=True), **more})


def specialist(models: ScriptedModels | None = None, memory: ScriptedMemory | None = None) -> Specialist:
    return build(Context(models or ScriptedModels(tiers=()), memory or ScriptedMemory()))


def tried(one: Specialist, work: Task, proposal: Proposal, history: tuple[Trial, ...] = ()) -> Trial:
    """The trial of a proposal as the loop makes it."""
    nobody: Performer = Nobody()
    precheck = one.checker.precheck(work, proposal)
    if not precheck.accepted:
        return Trial(proposal, precheck, None, precheck)
    assert one.trialist.trial_actions(work, proposal) == ()
    observation = one.trialist.trial(work, proposal, nobody, {})
    trial = Trial(proposal, precheck, observation)
    return replace(trial, verdict=one.checker.judge(work, (*history, trial)))


def result_of(one: Specialist, work: Task, trial: Trial) -> dict[str, Any]:
    assert trial.verdict is not None
    found = one.adopter.result(work, (trial,), trial.verdict)
    assert isinstance(found, dict)
    return found


def test_the_solver_proposes_what_is_accepted() -> None:
    one, work = specialist(), task()
    proposal = one.proposer.ask(work, (), Tier.SOLVER)
    assert proposal is not None
    trial = tried(one, work, proposal)
    assert trial.verdict is not None
    assert trial.verdict.outcome is Outcome.ACCEPTED
    result = result_of(one, work, trial)
    assert result["requests"] == {"total": 2, "satisfied": 2}
    assert result["edits"] == {"statements": 1, "elements": 1}
    assert result["widened"] is True
    assert result["witness"]["action"] == "s3:GetObject"
    assert '-      "Action": [\n' not in result["diff"]
    assert '+        "s3:GetObject",' in result["diff"]
    assert json.loads(result["text"]) == result["policy"]


def test_a_contradiction_is_reported_with_its_file() -> None:
    contradiction = {"requests": [SPEC["requests"][0], {**SPEC["requests"][0], "id": "b", "effect": "deny"}]}
    with pytest.raises(InputError, match=r"spec\.json: contradicts itself: read allows and b denies"):
        specialist().proposer.ask(task(spec=contradiction), (), Tier.SOLVER)


def test_an_ambiguous_repair_is_left_to_the_low_tier() -> None:
    work = task(AMBIGUOUS, AMBIGUOUS_SPEC)
    models = ScriptedModels([{"candidate": 2, "reason": "the goal says so"}])
    one = specialist(models)
    assert one.proposer.ask(work, (), Tier.SOLVER) is None
    proposal = one.proposer.ask(work, (), Tier.LOW)
    models.finished()
    assert proposal is not None
    assert proposal.tier is Tier.LOW
    candidates = models.asked[0][2]["candidates"]
    assert "differs_from_1_on" in candidates[1]
    assert proposal.content["edits"] == candidates[1]["changes"]
    verdict = tried(one, work, proposal).verdict
    assert verdict is not None
    assert verdict.accepted


def test_without_a_model_the_solver_decides_for_itself() -> None:
    proposal = specialist().proposer.ask(task(AMBIGUOUS, AMBIGUOUS_SPEC), (), Tier.SOLVER)
    assert proposal is not None


@pytest.mark.parametrize(
    "failure",
    [EndpointFailed("it hangs"), BudgetSpent("no more"), ModelRetry("nonsense"), {"candidate": 26, "reason": "x"}],
)
def test_a_missing_opinion_does_not_cost_the_solver_s_repair(failure: Any) -> None:
    work = task(AMBIGUOUS, AMBIGUOUS_SPEC)
    one = specialist(ScriptedModels([failure]))
    proposal = one.proposer.ask(work, (), Tier.LOW)
    best = repair(read_work(work).policy, read_work(work).spec).best
    assert proposal is not None
    assert best is not None
    assert "did not choose" in proposal.reason


RIGHT = {
    "op": "replace_entry",
    "statement": 1,
    "element": "Action",
    "old": "s3:GetObjcet",
    "new": "s3:GetObject",
}
TOO_WIDE = {**RIGHT, "new": "s3:*"}
NO_STATEMENT = {**RIGHT, "statement": 7}


def test_a_rejected_proposal_comes_back_with_its_counterexample() -> None:
    models = ScriptedModels([{"edits": [TOO_WIDE], "reason": "a"}, {"edits": [RIGHT], "reason": "b"}])
    one, work = specialist(models), task()
    wide = one.proposer.ask(work, (), Tier.MID)
    assert wide is not None
    first = tried(one, work, wide)
    assert first.verdict is not None
    assert first.verdict.outcome is Outcome.REJECTED
    right = one.proposer.ask(work, (first,), Tier.MID)
    models.finished()
    assert right is not None
    shown = models.asked[1][2]["rejected"]
    assert shown[0]["counterexamples"][0]["id"] == "write"
    assert shown[0]["counterexamples"][0]["wanted"] == "deny"
    second = tried(one, work, right, (first,))
    assert second.verdict is not None
    assert second.verdict.accepted


def test_the_high_tier_also_sees_the_actions_the_candidates_and_the_lessons() -> None:
    models = ScriptedModels([{"edits": [RIGHT], "reason": "b"}])
    memory = ScriptedMemory((("account", {"account": "111122223333"}),))
    specialist(models, memory).proposer.ask(task(), (), Tier.HIGH)
    asked = models.asked[0][2]
    assert "s3:GetObject" in asked["actions"]["actions"]
    assert asked["actions"]["entries_without_an_action"] == [{"entry": "s3:GetObjcet", "nearest": "s3:GetObject"}]
    assert asked["candidates"][0]["candidate"] == 1
    assert asked["lessons"] == ["account 111122223333 is the organisation's"]


def test_an_edit_that_fits_nothing_is_for_the_model_to_mend() -> None:
    models = ScriptedModels([{"edits": [NO_STATEMENT], "reason": "a"}])
    with pytest.raises(ModelRetry, match="there is no statement 7"):
        specialist(models).proposer.ask(task(), (), Tier.MID)


def test_the_prompts_take_what_they_are_given() -> None:
    models = ScriptedModels(
        [{"candidate": 1, "reason": "x"}, {"edits": [RIGHT], "reason": "x"}, {"edits": [RIGHT], "reason": "x"}]
    )
    one, ambiguous = specialist(models), task(AMBIGUOUS, AMBIGUOUS_SPEC)
    one.proposer.ask(ambiguous, (), Tier.LOW)
    one.proposer.ask(task(), (), Tier.MID)
    one.proposer.ask(task(), (), Tier.HIGH)
    for _, prompt, given in models.asked:
        rendered = Prompts().get(prompt).render(given)
        assert "s3:" not in rendered.system
        assert "<untrusted" in rendered.user


def test_a_document_aws_would_refuse_is_not_tried() -> None:
    verdict = specialist().checker.precheck(task(), Proposal(Tier.MID, {"policy": {"Statement": "all of it"}}))
    assert verdict.outcome is Outcome.REJECTED
    assert "AWS would refuse" in verdict.reason


def test_without_an_observation_nothing_is_accepted() -> None:
    trial = Trial(Proposal(Tier.MID, {"policy": FAULTY}), Verdict(Outcome.ACCEPTED, ""))
    assert specialist().checker.judge(task(), (trial,)).outcome is Outcome.UNDECIDED


# ---- adoption ----


def accepted_trial(one: Specialist, work: Task) -> Trial:
    proposal = one.proposer.ask(work, (), Tier.SOLVER)
    assert proposal is not None
    return tried(one, work, proposal)


def test_nothing_is_written_unless_it_was_asked_for() -> None:
    one, work = specialist(), task()
    trial = accepted_trial(one, work)
    assert one.adopter.adoption(work, trial.proposal) == ()
    assert one.adopter.verify(work, trial.proposal).accepted


@pytest.mark.parametrize("how", ["out", "in place", "apply"])
def test_a_file_is_written_by_one_action_bound_to_its_text(tmp_path: Path, how: str) -> None:
    source = tmp_path / "policy.json"
    source.write_text(json.dumps(FAULTY, indent=2))
    target = tmp_path / "new.json" if how == "out" else source
    files = File(str(source), source.read_text()), File("spec.json", json.dumps(SPEC))
    given = repair_inputs(*files, generalise=True, out=None if how == "apply" else target)
    work = Task("t1", "policy", "g", {**given, **({"apply": True} if how == "apply" else {})})
    one = specialist()
    trial = accepted_trial(one, work)
    (action,) = one.adopter.adoption(work, trial.proposal)
    assert action.effect == "files.write"
    assert action.arguments["path"] == str(target)
    assert not one.adopter.verify(work, trial.proposal).accepted
    target.write_text(str(action.arguments["text"]))
    assert one.adopter.verify(work, trial.proposal).accepted


def test_a_policy_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    source = tmp_path / "policy.json"
    source.write_text(json.dumps(FAULTY, indent=2))
    files = File(str(source), source.read_text()), File("spec.json", json.dumps(SPEC))
    work = Task("t1", "policy", "g", repair_inputs(*files, generalise=True, out=source))
    one = specialist()
    trial = accepted_trial(one, work)
    source.write_text("{}")
    with pytest.raises(InputError, match="was changed since it was read"):
        one.adopter.adoption(work, trial.proposal)


# ---- replay ----


def test_a_result_is_proved_again_from_the_task_alone() -> None:
    one, work = specialist(), task()
    result = result_of(one, work, accepted_trial(one, work))
    assert one.replayer.replay(work, result, {}).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    "change",
    [
        {"policy": document(allow("s3:*", "*"))},
        {"policy": None},
        {"requests": {"total": 2, "satisfied": 1}},
        {"widened": False},
        {"edits": {"statements": 0, "elements": 0}},
        {"text": json.dumps(document(allow("s3:*", "*")))},
        {"text": "{"},
    ],
)
def test_a_changed_claim_is_found_out(change: Mapping[str, Json]) -> None:
    one, work = specialist(), task()
    result = result_of(one, work, accepted_trial(one, work))
    assert one.replayer.replay(work, {**result, **change}, {}).outcome is Outcome.REJECTED


# ---- lessons ----


def test_an_accepted_repair_teaches_accounts_and_prefixes() -> None:
    faulty = document(allow("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223334:acme-*"))
    names = ["acme-orders", "acme-invoices"]
    requests = [
        {"effect": "allow", "action": "sqs:SendMessage", "resource": f"arn:aws:sqs:us-east-1:111122223333:{name}"}
        for name in names
    ]
    work = task(faulty, {"requests": requests, "may": SPEC["may"]})
    one = specialist()
    trial = accepted_trial(one, work)
    assert trial.verdict is not None
    lessons = one.reflector.reflect(work, (trial,), trial.verdict)
    assert [(lesson.kind, lesson.content.get("account"), lesson.content.get("prefix")) for lesson in lessons] == [
        ("account", "111122223333", None),
        ("prefix", None, "acme-"),
    ]
    refused = Verdict(Outcome.REJECTED, "no")
    assert one.reflector.reflect(work, (trial,), refused) == ()


@pytest.mark.parametrize(
    "kind, content",
    [
        ("account", {"account": "1111"}),
        ("account", {"account": ["111122223333"]}),
        ("account", {}),
        ("prefix", {"service": "s3", "prefix": "*"}),
        ("prefix", {"service": "s3; rm -rf /", "prefix": "a-"}),
        ("order", {"text": "allow everything"}),
    ],
)
def test_a_lesson_of_another_shape_is_not_used(kind: str, content: Mapping[str, Json]) -> None:
    models = ScriptedModels([{"edits": [RIGHT], "reason": "b"}])
    specialist(models, ScriptedMemory(((kind, content),))).proposer.ask(task(), (), Tier.HIGH)
    assert models.asked[0][2]["lessons"] == []


def test_a_lesson_breaks_a_tie_and_permits_nothing() -> None:
    """Two bucket names explain the requests equally well; the prefix that memory knows decides which comes first."""
    faulty = document(
        allow("s3:GetObject", "arn:aws:s3:::acme-a/*"),
        allow("s3:GetObject", "arn:aws:s3:::other-a/*"),
        allow("s3:PutObject", "*"),
    )
    requests = [{"effect": "deny", "action": "s3:PutObject", "resource": "arn:aws:s3:::elsewhere/x"}]
    work = read_work(task(faulty, {"requests": requests, "may": SPEC["may"]}))
    wanted = [(item.request, False) for item in work.spec.requests]
    for prefix, other in (("acme-", "other-"), ("other-", "acme-")):
        setting = Setting.of(work.policy, work.spec, frozenset({prefix}))
        draft = Draft.of(Evidence(work.policy, wanted), work.policy)
        found = [one.edits[0].note for one in search(draft, setting, Limits(margin=9.0, width=200))]
        named = [note for note in found if f"+arn:aws:s3:::{prefix}a/*" in note or f"+arn:aws:s3:::{other}a/*" in note]
        assert prefix in named[0]
        assert other in named[1]


# ---- files ----


@pytest.mark.parametrize(
    "name, text, role",
    [
        ("a.json", '{"Version": "2012-10-17", "Statement": []}', "policy"),
        ("a.json", '{"requests": []}', "spec"),
        ("a.yaml", "never:\n  - s3:*\n", "spec"),
        ("a.json", '{"Statement": [{"Effect": "Allow",', "policy"),
        ("spec.yaml", ": : :", "spec"),
        ("my-policy.json", "", "policy"),
        ("notes.txt", "hello", None),
        ("metrics.json", '{"cpu": 1}', None),
    ],
)
def test_files_are_known_by_their_content(name: str, text: str, role: str | None) -> None:
    assert classify(name, text) == role


def test_a_request_needs_a_policy_and_a_specification() -> None:
    policy, spec = File("p.json", json.dumps(FAULTY)), File("s.json", json.dumps(SPEC))
    assert inputs("Repair it and generalise", [spec, policy])["generalise"] is True
    assert inputs("Repair it", [policy, spec])["policy"] == policy.text
    with pytest.raises(InputError, match="name the file with the specification"):
        inputs("Repair it", [policy])
    with pytest.raises(InputError, match="not several"):
        inputs("Repair it", [policy, policy, spec])
