"""Scores: edits counted by elements, what requests require, the baselines, and what counts as the same meaning."""

from random import Random

import pytest

from opswright.evals.policy.baselines import exact_point_patch
from opswright.evals.policy.equality import differ, gained, known_part
from opswright.evals.policy.halves import Labelled
from opswright.evals.policy.judging import reach
from opswright.evals.policy.scoring import Edits, edits, judged, required, right
from opswright.nouns import Json
from opswright.tools.iam.actions import load
from opswright.tools.iam.document import Request
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.spec import spec_from_value

from .fixtures import BUCKET, POLICIES, READER


def _with(policy: Json, index: int, **elements: Json) -> Json:
    changed = [dict(statement) for statement in policy["Statement"]]
    changed[index] |= elements
    return {**policy, "Statement": changed}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (READER, Edits(0, 0)),
        (_with(READER, 0, Sid="Other"), Edits(0, 0)),
        (_with(READER, 2, Effect="Allow"), Edits(1, 1)),
        (_with(READER, 0, Action=["s3:GetObject"]), Edits(1, 1)),
        (_with(READER, 0, Action=["s3:GetObject", "s3:PutObject"]), Edits(1, 1)),
        (_with(READER, 1, Condition={"StringEquals": {"s3:prefix": ["public/*", "team/*"]}}), Edits(1, 2)),
        ({**READER, "Statement": READER["Statement"][:2]}, Edits(1, 3)),
        ({**READER, "Statement": list(reversed(READER["Statement"]))}, Edits(0, 0)),
    ],
)
def test_edits(after: Json, expected: Edits) -> None:
    assert edits(READER, after) == expected


def _labelled(action: str, resource: str, allow: bool, principal: str | None = None, **context: str) -> Labelled:
    request = Request(action, resource, principal, {f"aws:{k}": (v,) for k, v in context.items()})
    return Labelled(request, allow, "near")


def test_right_counts_by_label() -> None:
    policy = policy_from_value(READER)
    asked = [
        _labelled("s3:GetObject", "arn:aws:s3:::reports/x", True),
        _labelled("s3:GetObject", "arn:aws:s3:::reports/secret/x", False),
        _labelled("s3:GetObject", "arn:aws:s3:::other/x", True),
    ]
    assert right(policy, asked) == 2


def test_what_the_evaluator_refuses_is_wrong_either_way() -> None:
    policy = policy_from_value(_with(READER, 0, Condition={"StringEquals": {"aws:TagKeys": "a"}}))
    request = Request("s3:GetObject", "arn:aws:s3:::reports/x", None, {"aws:tagkeys": ("a", "b")})
    assert judged(policy, request) is None
    assert right(policy, [Labelled(request, True, "near"), Labelled(request, False, "near")]) == 0


def test_required_is_exactly_the_allowed_requests() -> None:
    asked = [
        _labelled("s3:GetObject", "arn:aws:s3:::reports/x", True, sourceip="10.0.0.1"),
        _labelled("s3:GetObject", "arn:aws:s3:::reports/y", False),
    ]
    policy = required(asked, [])
    assert judged(policy, asked[0].request) is True
    assert judged(policy, asked[1].request) is False
    assert judged(policy, Request("s3:GetObject", "arn:aws:s3:::reports/x")) is False
    assert (
        judged(policy, Request("s3:GetObject", "arn:aws:s3:::reports/x", None, {"aws:sourceip": ("10.0.0.2",)}))
        is False
    )


def test_required_reads_a_key_as_the_others_do() -> None:
    asked = [_labelled("s3:GetObject", "arn:aws:s3:::reports/x", True, securetransport="true")]
    other = policy_from_value(_with(READER, 0, Condition={"Bool": {"aws:SecureTransport": "true"}}))
    shouted = Request("s3:GetObject", "arn:aws:s3:::reports/x", None, {"aws:securetransport": ("TRUE",)})
    assert judged(required(asked, []), shouted) is False
    assert judged(required(asked, [other]), shouted) is True


def test_reach_finds_what_is_wider_and_nothing_else() -> None:
    actions = load()
    original = policy_from_value(READER)
    asked = [_labelled("s3:PutObject", "arn:aws:s3:::reports/x", True)]
    exact = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::reports/x"}
    wide = {**exact, "Resource": "arn:aws:s3:::reports/*"}
    for added, expected in ((exact, False), (wide, True)):
        new = policy_from_value({**READER, "Statement": [*READER["Statement"], added]})
        found = reach(new, [original, required(asked, [new])], actions, Random(1))
        assert found.found is expected
        if expected:
            assert found.witness is not None
            assert judged(new, found.witness) and not judged(original, found.witness)


@pytest.mark.parametrize("name", POLICIES)
def test_known_part_drops_only_dead_entries(name: str) -> None:
    actions = load()
    policy = policy_from_value(POLICIES[name])
    assert known_part(policy, actions) == policy
    dead = _with(READER, 0, Action=["s3:GetObjcet", "s3:GetObject"])
    assert [e.text for e in known_part(policy_from_value(dead), actions).statements[0].actions] == ["s3:GetObject"]
    all_dead = policy_from_value(_with(READER, 0, Action=["s3:GetObjcet"]))
    assert len(known_part(all_dead, actions).statements) == len(READER["Statement"]) - 1


def test_not_action_of_nothing_known_is_everything() -> None:
    value = {"Statement": {"Effect": "Allow", "NotAction": "s3:GetObjcet", "Resource": "*"}}
    policy = known_part(policy_from_value(value), load())
    assert judged(policy, Request("ec2:RunInstances", "*")) is True


def test_gained_and_differ() -> None:
    actions = load()
    true = policy_from_value(READER)
    typo = policy_from_value(_with(READER, 0, Action=["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjcet"]))
    assert differ(known_part(true, actions), known_part(typo, actions)) is False
    assert gained(typo, true, actions) == (False, None)
    wide = policy_from_value(_with(READER, 0, Action=["s3:*"]))
    found, witness = gained(wide, true, actions)
    assert found is True and witness is not None
    assert (judged(wide, witness), judged(true, witness)) == (True, False)


SPECS: list[list[Json]] = [
    [
        {"id": "1", "effect": "allow", "action": "s3:PutObject", "resource": "arn:aws:s3:::reports/x"},
        {"id": "2", "effect": "deny", "action": "s3:GetObject", "resource": "arn:aws:s3:::reports/x"},
        {"id": "3", "effect": "allow", "action": "s3:GetObject", "resource": "arn:aws:s3:::reports/secret/x"},
    ],
    [
        {"id": "1", "effect": "deny", "action": "s3:GetObject", "resource": "arn:aws:s3:::reports/x"},
        {
            "id": "2",
            "effect": "allow",
            "action": "s3:GetObject",
            "resource": "arn:aws:s3:::reports/x",
            "context": {"aws:SecureTransport": "true"},
        },
    ],
]


@pytest.mark.parametrize("requests", SPECS)
def test_the_patch_meets_requests_and_generalises_nothing(requests: list[Json]) -> None:
    spec = spec_from_value({"requests": requests})
    patched = policy_from_value(exact_point_patch(READER, spec))
    assert [judged(patched, one.request) for one in spec.requests] == [one.effect == "allow" for one in spec.requests]
    assert judged(patched, Request("s3:PutObject", "arn:aws:s3:::reports/y")) is False


def test_the_patch_names_principals_where_the_policy_does() -> None:
    ann = "arn:aws:iam::123456789012:user/ann"
    request = {"effect": "allow", "action": "s3:ListBucket", "resource": "arn:aws:s3:::reports", "principal": ann}
    patched = exact_point_patch(BUCKET, spec_from_value({"requests": [{"id": "1", **request}]}))
    assert patched["Statement"][-1]["Principal"] == {"AWS": ann}
    assert judged(policy_from_value(patched), Request("s3:ListBucket", "arn:aws:s3:::reports", ann)) is True


def test_the_patch_leaves_a_right_policy_alone() -> None:
    spec = spec_from_value(
        {"requests": [{"id": "1", "effect": "allow", "action": "s3:GetObject", "resource": "arn:aws:s3:::reports/x"}]}
    )
    assert exact_point_patch(READER, spec) == READER
