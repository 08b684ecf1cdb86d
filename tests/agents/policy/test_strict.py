"""Strict repair: every request met, nothing beyond the original and the specification, the least change."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opswright.agents.policy.proofs import required
from opswright.agents.policy.repair import Options, repair
from opswright.agents.policy.setting import Setting
from opswright.errors import InputError
from opswright.nouns import Json, Outcome
from opswright.tools.iam.compare import beyond
from opswright.tools.iam.document import Effect
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.spec import contradictions, spec_from_value
from tests.agents.policy.samples import allow, deny, document, policy, spec

ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "sqs:SendMessage", "s3:NotListed"]
PATTERNS = [*ACTIONS, "s3:*", "s3:Get*", "*", "sqs:*"]
RESOURCES = ["arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::b/y", "arn:aws:sqs:us-east-1:111122223333:q"]
PLACES = [*RESOURCES, "arn:aws:s3:::a/*", "arn:aws:s3:::*", "*"]
PRINCIPALS = ["arn:aws:iam::111122223333:role/r", "arn:aws:iam::111122223333:user/u"]
CONTEXTS: list[dict[str, Json]] = [
    {},
    {"aws:SourceVpc": "vpc-1"},
    {"aws:SourceVpc": "vpc-2"},
    {"aws:TagKeys": ["a", "b"]},
]
CONDITIONS: list[dict[str, Json]] = [
    {"StringEquals": {"aws:SourceVpc": "vpc-1"}},
    {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}},
    {"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}},
    {"Null": {"aws:SourceVpc": "true"}},
]


@st.composite
def statements(draw: Any, resource_based: bool) -> dict[str, Json]:
    made: dict[str, Json] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    if resource_based:
        name = draw(st.sampled_from(["Principal", "Principal", "NotPrincipal"]))
        made[name] = draw(st.sampled_from(["*", {"AWS": PRINCIPALS[0]}, {"AWS": PRINCIPALS}]))
        if made[name] == "*":
            made["Principal"] = made.pop(name)
    action = draw(st.sampled_from(["Action", "Action", "NotAction"]))
    made[action] = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2, unique=True))
    resource = draw(st.sampled_from(["Resource", "Resource", "NotResource"]))
    made[resource] = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=2, unique=True))
    if draw(st.booleans()):
        made["Condition"] = draw(st.sampled_from(CONDITIONS))
    return made


@st.composite
def requests(draw: Any, resource_based: bool) -> dict[str, Json]:
    made: dict[str, Json] = {
        "effect": draw(st.sampled_from(["allow", "deny"])),
        "action": draw(st.sampled_from(ACTIONS)),
        "resource": draw(st.sampled_from(RESOURCES)),
        "context": draw(st.sampled_from(CONTEXTS)),
    }
    if resource_based:
        made["principal"] = draw(st.sampled_from(PRINCIPALS))
    return made


@st.composite
def problems(draw: Any) -> tuple[Json, Json]:
    resource_based = draw(st.booleans())
    found = draw(st.lists(statements(resource_based), min_size=1, max_size=3))
    asked = draw(st.lists(requests(resource_based), min_size=1, max_size=5))
    return document(*found), {"requests": asked}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_every_consistent_specification_is_met_and_nothing_else_is_allowed(problem: tuple[Json, Json]) -> None:
    faulty, asked = policy_from_value(problem[0]), spec_from_value(problem[1])
    if contradictions(asked):
        with pytest.raises(InputError, match="contradicts itself"):
            repair(faulty, asked)
        return
    found = repair(faulty, asked)
    assert found.outcome is Outcome.ACCEPTED, found.reason
    assert found.best is not None
    for item in asked.requests:
        assert decide(found.best.policy, item.request).allowed == (item.effect == "allow")
    floor = required(Setting.of(faulty, asked), asked)
    assert beyond(found.best.policy, [faulty, floor]).new_access is False


def test_a_wildcard_is_narrowed_to_what_is_required() -> None:
    found = repair(
        policy(allow("s3:*", "arn:aws:s3:::b/*")),
        spec([["s3:GetObject", "arn:aws:s3:::b/x"]], [["s3:PutObject", "arn:aws:s3:::b/x"]]),
    )
    assert found.best is not None
    assert found.best.value["Statement"] == [allow("s3:GetObject", "arn:aws:s3:::b/*")]
    assert (found.changes.statements, found.changes.elements) == (1, 1)


def test_a_required_action_joins_a_statement_on_exactly_its_resource() -> None:
    found = repair(policy(allow("s3:GetObject", "arn:aws:s3:::b/x")), spec([["s3:PutObject", "arn:aws:s3:::b/x"]]))
    assert found.best is not None
    assert found.best.value["Statement"] == [allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::b/x")]


def test_a_required_action_does_not_join_a_wider_statement() -> None:
    found = repair(policy(allow("s3:GetObject", "arn:aws:s3:::b/*")), spec([["s3:PutObject", "arn:aws:s3:::b/x"]]))
    assert found.best is not None
    assert found.best.value["Statement"][1] == allow("s3:PutObject", "arn:aws:s3:::b/x")


def test_the_request_s_whole_context_is_required() -> None:
    found = repair(
        policy(allow("s3:GetObject", "arn:aws:s3:::b/*")),
        spec([["s3:PutObject", "arn:aws:s3:::b/x", {"aws:SecureTransport": "true", "aws:SourceVpc": "vpc-1"}]]),
    )
    assert found.best is not None
    condition = found.best.value["Statement"][1]["Condition"]
    assert condition == {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:SourceVpc": "vpc-1"}}


def test_a_deny_spares_one_request_and_nobody_else_gains() -> None:
    faulty = policy(allow("s3:*", "*"), deny("s3:*", "arn:aws:s3:::b/*"))
    asked = spec([["s3:GetObject", "arn:aws:s3:::b/x"]], [["s3:GetObject", "arn:aws:s3:::b/y"]])
    found = repair(faulty, asked)
    assert found.best is not None
    assert found.best.judgement.widened is False
    denied = [s for s in found.best.policy.statements if s.effect is Effect.DENY]
    assert len(denied) == 2


def test_a_split_deny_keeps_denying_an_action_that_only_the_policy_names() -> None:
    faulty = policy(allow(["s3:HeadBucket", "s3:CreateJob"], "*"), deny("s3:*", "arn:aws:s3:::b"))
    found = repair(faulty, spec([["s3:GetBucketAcl", "arn:aws:s3:::b"]]))
    assert found.outcome is Outcome.ACCEPTED, found.reason


def test_a_deny_spares_several_principals_on_one_resource() -> None:
    everybody = {"Principal": "*"}
    faulty = policy(
        {**allow("s3:GetObject", "*"), **everybody}, {**deny("s3:GetObject", "arn:aws:s3:::b/*"), **everybody}
    )
    where = {"aws:SourceVpc": "vpc-1"}
    found = repair(faulty, spec([["s3:GetObject", "arn:aws:s3:::b/x", where, one] for one in PRINCIPALS]))
    assert found.outcome is Outcome.ACCEPTED, found.reason


def test_a_request_without_a_principal_is_granted_to_whom_the_policy_names() -> None:
    named = {"AWS": "arn:aws:iam::111122223333:role/r"}
    found = repair(
        policy({**allow("s3:GetObject", "arn:aws:s3:::b/*"), "Principal": named}),
        spec([["s3:PutObject", "arn:aws:s3:::b/x"]]),
    )
    assert found.best is not None
    assert found.best.value["Statement"][1]["Principal"] == named


def test_never_and_always_are_proved_and_learned_from() -> None:
    found = repair(
        policy(allow("s3:*", "*")),
        spec([["s3:GetObject", "arn:aws:s3:::b/x"]], never=[{"action": "s3:Delete*"}]),
    )
    assert found.outcome is Outcome.ACCEPTED
    assert found.best is not None
    assert [claim.holds for claim in found.best.judgement.claims] == [True, True]


def test_a_contradiction_is_reported_before_anything_else() -> None:
    with pytest.raises(InputError, match=r"r1 allows and r2 denies"):
        repair(policy(allow("s3:*", "*")), spec([["s3:GetObject", "x"]], [["s3:GetObject", "x"]]))


def test_a_policy_above_the_quota_is_warned_about() -> None:
    names = [f"arn:aws:s3:::bucket-{at:04}-{'x' * 40}/*" for at in range(120)]
    found = repair(policy(allow("s3:GetObject", names)), spec([["s3:GetObject", "arn:aws:s3:::other/x"]]))
    assert "a managed policy holds 6,144" in found.warnings[0]


@pytest.mark.parametrize("generalise", [False, True])
def test_an_always_pattern_is_granted_as_a_whole(generalise: bool) -> None:
    asked = spec_from_value({"always": [{"action": "s3:GetObject", "resource": "arn:aws:s3:::b/*"}]})
    found = repair(policy(allow("s3:PutObject", "arn:aws:s3:::b/x")), asked, Options(generalise=generalise))
    assert found.outcome is Outcome.ACCEPTED
    assert found.best is not None
    assert found.best.judgement.widened is False


@pytest.mark.parametrize("generalise", [False, True])
def test_a_never_pattern_without_any_request_is_denied(generalise: bool) -> None:
    named = {"Principal": {"AWS": "arn:aws:iam::111122223333:role/r"}}
    asked = spec_from_value({"never": [{"action": "s3:Delete*", "resource": "arn:aws:s3:::vault/*"}]})
    faulty = policy({**allow("s3:*", "*"), **named}, allow("sqs:*", "*") | named)
    found = repair(faulty, asked, Options(generalise=generalise))
    assert found.outcome is Outcome.ACCEPTED, found.reason


def test_a_tight_envelope_leaves_the_exact_patch() -> None:
    asked = spec([["s3:GetObject", "arn:aws:s3:::b/x"]], may=[{"action": "sqs:*", "resource": "arn:aws:sqs:::none"}])
    found = repair(policy(allow("s3:GetObjcet", "arn:aws:s3:::b/*")), asked, Options(generalise=True))
    assert found.best is not None
    assert found.best.judgement.widened is False
