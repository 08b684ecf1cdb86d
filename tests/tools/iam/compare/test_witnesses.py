"""Witnesses are requests that a person can read and that AWS could receive."""

import pytest

from opswright.nouns import Json
from opswright.tools.iam.compare import beyond, covers, new_access, reaches
from opswright.tools.iam.compare.patterns import glob
from opswright.tools.iam.compare.wording import fills
from opswright.tools.iam.document import Request
from opswright.tools.iam.spec import Pattern
from tests.tools.iam.compare.drawing import policy


def _allow(**elements: Json) -> Json:
    return {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **elements}


NOTHING = policy([_allow(Action="iam:CreateUser", Resource="arn:aws:iam::123456789012:user/nobody")])


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (_allow(Resource="arn:aws:s3:::reports/*"), Request("s3:GetObject", "arn:aws:s3:::reports/example")),
        (_allow(Action="ec2:DescribeInstances"), Request("ec2:DescribeInstances", "*")),
        (
            _allow(Action=["s3:NoSuchThing", "s3:GetObject"], Resource="arn:aws:s3:::b/*"),
            Request("s3:GetObject", "arn:aws:s3:::b/example"),
        ),
        (
            _allow(Action="iam:*", Resource="arn:aws:iam::*:role/app-*"),
            Request("iam:AttachRolePolicy", "arn:aws:iam::123456789012:role/app-example"),
        ),
        (
            _allow(Action="*", Resource="arn:aws:sqs:eu-west-1:111122223333:jobs"),
            Request("sqs:AddPermission", "arn:aws:sqs:eu-west-1:111122223333:jobs"),
        ),
        (
            _allow(Resource="arn:aws:s3:::b/*", Condition={"StringEquals": {"aws:PrincipalTag/team": ["red", "blue"]}}),
            Request("s3:GetObject", "arn:aws:s3:::b/example", None, {"aws:principaltag/team": ("red",)}),
        ),
        (
            _allow(Resource="arn:aws:s3:::b/${aws:username}/*"),
            Request(
                "s3:GetObject",
                "arn:aws:s3:::b/example-username/example",
                None,
                {"aws:username": ("example-username",)},
            ),
        ),
        (
            _allow(
                Resource="arn:aws:s3:::b/*",
                Condition={"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}},
            ),
            Request(
                "s3:GetObject",
                "arn:aws:s3:::b/example",
                None,
                {"aws:principalaccount": ("123456789012",), "aws:resourceaccount": ("123456789012",)},
            ),
        ),
        (
            _allow(Resource="arn:aws:s3:::b/*", Principal="*"),
            Request("s3:GetObject", "arn:aws:s3:::b/example", "arn:aws:iam::123456789012:user/example"),
        ),
    ],
)
def test_the_plain_witness(statement: Json, expected: Request) -> None:
    assert new_access(policy([statement]), NOTHING, fallback=False).witness == expected


def test_a_later_statement_that_can_occur_is_preferred() -> None:
    impossible = _allow(Action="s3:ListBucket", Resource="arn:aws:sqs:us-east-1:123456789012:q")
    possible = _allow(Action="s3:ListBucket", Resource="arn:aws:s3:::bucket")
    both, first = policy([impossible, possible]), policy([impossible])
    found = new_access(both, NOTHING, fallback=False).witness
    assert found is not None
    assert found.resource == "arn:aws:s3:::bucket"
    alone = new_access(first, NOTHING, fallback=False).witness
    assert alone is not None
    assert alone.resource == "arn:aws:sqs:us-east-1:123456789012:q"


def test_an_unknown_action_is_flagged() -> None:
    found = new_access(policy([_allow(Action="s3:NoSuchThing")]), NOTHING, fallback=False)
    assert found.new_access is True
    assert "AWS lists no such action" in found.reason
    proved = new_access(policy([_allow(Action="s3:NoSuchThing")]), policy([_allow(Action="s3:*")]), fallback=False)
    assert proved.new_access is False
    assert "s3:nosuchthing" in proved.reason


def test_the_reason_names_the_statements() -> None:
    new = policy([_allow(Action="iam:CreateUser"), _allow()])
    old = policy([_allow(Action="*"), {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}])
    assert new_access(new, old, fallback=False).reason == "allowed by statement 2 of NEW; denied by statement 2 of OLD"
    assert "not allowed in OLD 2" in beyond(new, [NOTHING, NOTHING], fallback=False).reason


def test_reaches_and_covers_show_a_request() -> None:
    one = policy([_allow(Resource="arn:aws:s3:::a/*")])
    region = Pattern(("s3:getobject",), ("arn:aws:s3:::*/private/*",))
    reached = reaches(one, region, fallback=False)
    assert (reached.new_access, reached.reason) == (True, "allowed by statement 1")
    assert reached.witness == Request("s3:GetObject", "arn:aws:s3:::a/private/example")
    covered = covers(one, region, fallback=False)
    assert (covered.new_access, covered.reason) == (False, "not allowed")
    assert covered.witness is not None
    assert not covered.witness.resource.startswith("arn:aws:s3:::a/")
    assert covers(one, Pattern(("s3:getobject",), ("arn:aws:s3:::a/b*",)), fallback=False).new_access is True
    assert reaches(one, Pattern(("s3:put*",)), fallback=False).new_access is False


def test_wildcards_are_filled_as_an_arn() -> None:
    assert fills(glob("arn:*:sqs:*:*:q*"))[0] == "arn:aws:sqs:us-east-1:123456789012:qexample"
    assert fills(glob("arn:aws:sqs:us-*:1234*:q"))[0] == "arn:aws:sqs:us-east-1:123456789012:q"
    assert fills(glob("a?b")) == ["axb"]
