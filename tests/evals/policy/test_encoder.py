"""The peer encoder against the evaluator: its models replay, its proofs survive drawn requests."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from opswright.evals.policy.cvc5_strings import NotCovered
from opswright.evals.policy.drawing.free import FreeSampler
from opswright.evals.policy.encoder_cvc5 import peer_new_access
from opswright.evals.policy.scoring import judged
from opswright.nouns import Json
from opswright.tools.iam.actions import load
from opswright.tools.iam.parser import policy_from_value

from .random_policies import pairs


def _policy(statement: Json, version: str = "2012-10-17") -> Json:
    return {"Version": version, "Statement": statement}


def _allow(**more: Json) -> Json:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*", **more}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pairs())
def test_peer_and_evaluator_agree(pair: tuple[Json, Json]) -> None:
    actions = load()
    new, old = policy_from_value(pair[0]), policy_from_value(pair[1])
    try:
        answer = peer_new_access(new, old, actions.names)
    except NotCovered:
        return
    if answer.new_access:
        assert answer.request is not None
        assert (judged(new, answer.request), judged(old, answer.request)) == (True, False)
    if answer.new_access is False:
        for request in FreeSampler([new, old], actions, Random(0)).sample(80):
            assert (judged(new, request), judged(old, request)) != (True, False)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (_allow(), _allow(), False),
        (_allow(Resource="arn:aws:s3:::*"), _allow(), True),
        (_allow(), _allow(Resource="arn:aws:s3:::*"), False),
        (_allow(Action="s3:get*"), _allow(Action="S3:Get*"), False),
        (_allow(Resource="arn:aws:s3:::*a*b*"), _allow(Resource="arn:aws:s3:::*b*"), False),
        (_allow(Resource="arn:aws:s3:::*b*a*"), _allow(Resource="arn:aws:s3:::*a*b*"), True),
        (_allow(Resource="arn:aws:s3:::${aws:username}/x"), _allow(Resource="arn:aws:s3:::*/x"), False),
        (_allow(Resource="arn:aws:s3:::*/x"), _allow(Resource="arn:aws:s3:::${aws:username}/x"), True),
        (
            _allow(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "a"}, "Null": {"aws:TagKeys": "false"}}),
            _allow(Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}),
            False,
        ),
        (
            _allow(Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}),
            _allow(Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}),
            True,
        ),
        (
            _allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/9"}}),
            _allow(Condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/10", "10.64.0.0/10"]}}),
            False,
        ),
        (
            _allow(Condition={"NumericLessThanEquals": {"s3:max-keys": "5"}}),
            _allow(Condition={"NumericLessThan": {"s3:max-keys": "5"}}),
            True,
        ),
        (
            _allow(Condition={"StringNotEquals": {"aws:username": "a"}}),
            _allow(Condition={"StringNotEqualsIfExists": {"aws:username": "a"}}),
            False,
        ),
        (
            _allow(Condition={"StringEquals": {"aws:username": "${aws:userid}"}}),
            _allow(Condition={"StringEquals": {"aws:userid": "${aws:username}"}}),
            False,
        ),
    ],
)
def test_known_pairs(new: Json, old: Json, expected: bool) -> None:
    one, other = policy_from_value(_policy(new)), policy_from_value(_policy(old))
    assert peer_new_access(one, other, load().names).new_access is expected


def test_old_versions_read_variables_as_text() -> None:
    literal = policy_from_value(_policy(_allow(Resource="arn:aws:s3:::${aws:username}/x"), "2008-10-17"))
    variable = policy_from_value(_policy(_allow(Resource="arn:aws:s3:::${aws:username}/x")))
    assert peer_new_access(literal, variable, load().names).new_access is True


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:SourceIp": "10.0.0.1"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::${aws:username}"}},
        {"StringLike": {"aws:userid": "?${aws:username}"}},
    ],
)
def test_what_is_not_covered_is_said(condition: Json) -> None:
    policy = policy_from_value(_policy(_allow(Condition=condition)))
    with pytest.raises(NotCovered):
        peer_new_access(policy, policy, load().names)
