"""Drawn requests: strings that meet globs, contexts that meet or miss tests, and only what AWS could be asked."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.evals.policy.drawing.contexts import draw_context, single_keys
from opswright.evals.policy.drawing.free import FreeSampler
from opswright.evals.policy.drawing.realistic import Place, RequestSource, can_occur, key_shape
from opswright.evals.policy.drawing.text import fill, meet
from opswright.tools.iam import globs
from opswright.tools.iam.actions import load
from opswright.tools.iam.conditions import condition_holds
from opswright.tools.iam.document import Request
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.parser import policy_from_value

from .fixtures import POLICIES

GLOBS = st.text("ab*?", max_size=7)


@given(GLOBS, GLOBS, st.integers(0, 99))
def test_meet_matches_both_or_there_is_nothing(one: str, other: str, seed: int) -> None:
    found = meet(one, other, Random(seed), lambda rng: rng.choice(("a", "b", "ab")))
    if found is not None:
        assert globs.matches(one, found) and globs.matches(other, found)
        return
    words = [""]
    for _ in range(5):
        words += [word + letter for word in words for letter in "ab" if len(word) < 5]
    assert not any(globs.matches(one, word) and globs.matches(other, word) for word in set(words))


@given(GLOBS, st.integers(0, 99))
def test_fill_matches(pattern: str, seed: int) -> None:
    assert globs.matches(pattern, fill(pattern, Random(seed)))


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("miss", [False, True])
def test_contexts_meet_every_test_or_miss_one(name: str, miss: bool) -> None:
    policy = policy_from_value(POLICIES[name])
    single = single_keys([policy])
    for statement in policy.statements:
        if not statement.conditions:
            continue
        drawn = [
            draw_context(statement, policy.variables, Random(seed), miss=miss, shape=lambda key: key not in single)
            for seed in range(40)
        ]
        found = [context for context in drawn if context is not None]
        assert len(found) > 10
        for context in found:
            request = Request("", "", None, context)
            assert all(condition_holds(t, request, policy.variables) for t in statement.conditions) != miss


@pytest.mark.parametrize("name", POLICIES)
def test_every_drawn_request_can_occur(name: str) -> None:
    actions = load()
    policy = policy_from_value(POLICIES[name])
    source = RequestSource([policy], actions, Random(5))
    places = [Place(policy, statement) for statement in policy.statements]
    drawn = [request for request in (source.draw(places) for _ in range(400)) if request is not None]
    assert len(drawn) > 150
    assert all(can_occur(actions, request) for request in drawn)
    # The check is not the drawing's own: action, resource type and keys once more from the database.
    for request in drawn:
        assert request.action.lower() in actions.names
        kinds = actions.resource_types(request.action)
        assert any(globs.matches(kind, request.resource) for kind in kinds) if kinds else request.resource == "*"
        assert (request.principal is not None) == (name == "bucket")
    outcomes = {decide(policy, request).outcome for request in drawn}
    assert outcomes >= {"allow", "implicit_deny"}


@pytest.mark.parametrize(
    ("request_", "possible"),
    [
        (Request("s3:GetObject", "arn:aws:s3:::reports/a"), True),
        (Request("s3:GetObject", "arn:aws:s3:::reports"), False),
        (Request("s3:ListBucket", "arn:aws:s3:::reports"), True),
        (Request("s3:ListBucket", "arn:aws:s3:::reports/a"), False),
        (Request("s3:GetObjcet", "arn:aws:s3:::reports/a"), False),
        (Request("ec2:DescribeInstances", "*"), True),
        (Request("ec2:DescribeInstances", "arn:aws:ec2:us-east-1:123456789012:instance/i"), False),
        (Request("s3:ListBucket", "arn:aws:s3:::reports", None, {"s3:prefix": ("a",)}), True),
        (Request("s3:ListBucket", "arn:aws:s3:::reports", None, {"s3:prefix": ("a", "b")}), False),
        (Request("s3:ListBucket", "arn:aws:s3:::reports", None, {"ec2:region": ("a",)}), False),
        (Request("s3:ListBucket", "arn:aws:s3:::reports", None, {"aws:sourceip": ("10.0.0.1",)}), True),
        (Request("ec2:CreateTags", "arn:aws:ec2:a:1:instance/i", None, {"aws:tagkeys": ("a", "b")}), True),
    ],
)
def test_what_can_occur(request_: Request, possible: bool) -> None:
    assert can_occur(load(), request_) is possible


def test_key_shapes() -> None:
    actions = load()
    assert key_shape(actions, "s3:ListBucket", "s3:prefix") is False
    assert key_shape(actions, "s3:ListBucket", "s3:nonsense") is None
    assert key_shape(actions, "ec2:CreateTags", "aws:tagkeys") is True
    assert key_shape(actions, "s3:PutObject", "s3:requestobjecttag/stage") is False


@pytest.mark.parametrize("name", POLICIES)
def test_free_samples_reach_both_sides(name: str) -> None:
    policy = policy_from_value(POLICIES[name])
    drawn = FreeSampler([policy], load(), Random(2)).sample(300)
    allowed = sum(decide(policy, request).allowed for request in drawn)
    assert len(drawn) == 300
    assert 40 < allowed < 290
    assert drawn == FreeSampler([policy], load(), Random(2)).sample(300)
