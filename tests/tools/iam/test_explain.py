"""What a person is told about a policy and about a decision."""

import json

import pytest

from opswright.nouns import Json
from opswright.tools.iam.actions import ActionDatabase, load
from opswright.tools.iam.document import Request
from opswright.tools.iam.explain import explain, explain_request
from opswright.tools.iam.findings import findings
from opswright.tools.iam.parser import parse_policy, policy_from_value
from tests.tools.iam.data import CORPORA, policy_data


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> ActionDatabase:
    return load(tmp_path_factory.mktemp("cache"))


def policy_of(*statements: Json, version: str | None = "2012-10-17") -> Json:
    return {**({"Version": version} if version else {}), "Statement": list(statements)}


def allow(action: Json, resource: Json, **more: Json) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


SENTENCES = [
    (
        allow(["s3:getobject", "s3:List*"], "arn:aws:s3:::b/*"),
        "Whoever the policy is attached to may do s3:GetObject and s3:List* ({s3:List*} actions) on arn:aws:s3:::b/*.",
    ),
    (
        {"Effect": "Deny", "Principal": "*", "NotAction": "iam:*", "NotResource": ["a", "b"]},
        "Nobody may do any action except iam:* ({iam:*} actions) on any resource except a and b.",
    ),
    (
        {
            "Effect": "Allow",
            "Principal": {"AWS": "123456789012", "Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
        "Any principal of account 123456789012 or the service ec2.amazonaws.com may do sts:AssumeRole on the resource "
        "the policy is attached to.",
    ),
    (
        allow("*", "*", Condition={"StringNotLike": {"aws:username": ["a*", "b"]}, "Null": {"k": "true"}}),
        "Whoever the policy is attached to may do any action on any resource, when aws:username does not match any of "
        "a* and b, or is absent and k is absent.",
    ),
    (
        {
            **allow("*", "*", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}),
            "NotPrincipal": {"Federated": "accounts.google.com"},
        },
        "Everyone except users federated through accounts.google.com may do any action on any resource, when every "
        "value of aws:TagKeys is a or b (also when there is none).",
    ),
    (
        {"Effect": "Deny", **allow("*", "*", Condition={"NumericLessThanIfExists": {"k": 5}})} | {"Effect": "Deny"},
        "Whoever the policy is attached to may never do any action on any resource, when k is below 5, or is absent.",
    ),
    (
        allow(
            "*",
            "*",
            Condition={"ForAnyValue:ArnLike": {"k": "arn:aws:s3:::*"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        ),
        "Whoever the policy is attached to may do any action on any resource, when some value of k matches "
        "arn:aws:s3:::* and aws:SourceIp is within 10.0.0.0/8.",
    ),
]


@pytest.mark.parametrize(("statement", "expected"), SENTENCES)
def test_sentences(statement: Json, expected: str, database: ActionDatabase) -> None:
    for pattern in ("s3:List*", "iam:*"):
        expected = expected.replace("{" + pattern + "}", str(len(database.matching(pattern))))
    assert explain(policy_from_value(policy_of(statement)), database).statements[0].sentence == expected


FINDINGS: list[tuple[str, Json, str, str]] = [
    ("unknown-action", policy_of(allow("s3:GetObjct", "*")), '"s3:GetObjct"', "did you mean s3:GetObject?"),
    ("unknown-action", policy_of(allow("s3:Gat*", "*")), '"s3:Gat*"', "not among the AWS actions known here"),
    ("action-without-service", policy_of(allow("GetObject", "*")), '"GetObject"', "names no service"),
    (
        "wrong-resource",
        policy_of(allow(["s3:GetObject"], "arn:aws:s3:::b")),
        '"s3:GetObject"',
        "did you mean arn:aws:s3:::b/*?",
    ),
    (
        "wrong-resource",
        policy_of(allow("s3:ListBucket", "arn:aws:s3:::b/*")),
        '"s3:ListBucket"',
        "did you mean arn:aws:s3:::b?",
    ),
    (
        "wrong-resource",
        policy_of(allow("s3:ListAllMyBuckets", "arn:aws:s3:::*")),
        '"s3:ListAllMyBuckets"',
        "its Resource must be *",
    ),
    ("wrong-resource", policy_of(allow("ec2:Start*", "arn:aws:s3:::b")), '"ec2:Start*"', "acts on arn:*:ec2:*"),
    ("resource-not-arn", policy_of(allow("s3:*", ["*", "bucket"])), '"bucket"', "is no ARN"),
    (
        "principal",
        policy_of(allow("s3:*", "*", Principal={"AWS": "arn:aws:iam::123456789012:user/*"})),
        "user/*",
        "a wildcard cannot match part",
    ),
    (
        "principal",
        policy_of(allow("s3:*", "*", Principal={"AWS": "bob"})),
        '"bob"',
        "it is no account, user, role or session",
    ),
    ("principal", policy_of(allow("s3:*", "*", Principal={"Service": "*"})), '"*"', "is no service"),
    ("not-principal", policy_of(allow("s3:*", "*", NotPrincipal={"AWS": "123456789012"})), "{", "anonymous users too"),
    (
        "short-arn",
        policy_of(allow("s3:*", "*", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:*"}})),
        '"arn:aws:s3:*"',
        "fewer than the six parts",
    ),
    (
        "set-operator",
        policy_of(allow("s3:*", "*", Condition={"StringEquals": {"aws:TagKeys": "a"}})),
        '"aws:TagKeys"',
        "use ForAnyValue or ForAllValues",
    ),
    (
        "set-operator",
        policy_of(allow("s3:*", "*", Condition={"ForAnyValue:StringEquals": {"aws:username": "a"}})),
        '"aws:username"',
        "can allow too much",
    ),
    (
        "for-all-values",
        policy_of(allow("s3:*", "*", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "a"}})),
        '"aws:TagKeys"',
        "add Null with false",
    ),
    (
        "contradiction",
        policy_of(allow("s3:*", "*", Condition={"StringEquals": {"k": "a"}, "Null": {"K": "true"}})),
        '"k"',
        "absent and have a value at once",
    ),
    (
        "variable-without-version",
        policy_of(allow("s3:*", "arn:aws:s3:::b/${aws:username}"), version=None),
        "arn:aws:s3:::b/$",
        "needs Version 2012-10-17",
    ),
    ("variable", policy_of(allow("s3:*", "arn:aws:s3:::b/${aws:username")), "arn:aws:s3:::b/$", "not closed"),
    ("variable", policy_of(allow("s3:*", "arn:aws:s3:::b/${}")), "arn:aws:s3:::b/$", "has no name"),
    (
        "variable",
        policy_of(allow("s3:*", "arn:aws:iam::${aws:PrincipalAccount}:user/x")),
        "arn:aws:iam",
        "before the fifth colon",
    ),
    ("variable", policy_of(allow("s3:${x}", "*")), '"s3:$', "resources and condition values only"),
    (
        "redundant",
        policy_of(allow("s3:*", "*", Sid="Wide"), allow(["s3:GetObject"], "arn:aws:s3:::b/*")),
        "s3:GetObject",
        "statement 0 (Wide) already covers",
    ),
    (
        "unreachable",
        policy_of(allow("s3:Get*", "arn:aws:s3:::b/*"), {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}),
        "s3:Get*",
        "statement 1 denies everything",
    ),
    ("sid", policy_of(allow("s3:*", "*", Sid="a b")), "a b", "letters and digits only"),
    ("sid", policy_of(allow("s3:*", "*", Sid="a"), allow("ec2:*", "*", Sid="a")), '"a"', "used more than once"),
]


@pytest.mark.parametrize(
    ("code", "value", "near", "message"), FINDINGS, ids=[f"{code}: {text}" for code, _, _, text in FINDINGS]
)
def test_findings(code: str, value: Json, near: str, message: str, database: ActionDatabase) -> None:
    text = json.dumps(value, indent=1)
    found = [finding for finding in findings(parse_policy(text), database) if finding.code == code]
    assert found, [finding.code for finding in findings(parse_policy(text), database)]
    assert message in found[0].message
    assert near in text[found[0].span.start : found[0].span.end]
    line = text.splitlines()[found[0].span.line - 1]
    assert text[found[0].span.start] == line[found[0].span.column - 1]


CLEAN = [
    policy_of(allow(["s3:GetObject", "s3:ListBucket"], ["arn:aws:s3:::b", "arn:aws:s3:::b/*"])),
    policy_of(
        allow(
            "s3:*", "*", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "a"}, "Null": {"aws:TagKeys": "false"}}
        )
    ),
    policy_of(allow("s3:GetObject", "arn:aws:s3:::b/${aws:username, 'all'}/*")),
    policy_of({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}),
    policy_of(allow("s3:Get*", "*"), {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::secret/*"}),
    policy_of(
        allow("s3:GetObject", "arn:aws:s3:::b", Condition={"StringEquals": {"a": "1"}})
        | {"Resource": "arn:aws:s3:::b/*"}
    ),
]


@pytest.mark.parametrize("value", CLEAN)
def test_nothing_is_found_where_nothing_is_wrong(value: Json, database: ActionDatabase) -> None:
    assert explain(policy_from_value(value), database).findings == ()


def test_a_decision_is_explained_element_by_element(database: ActionDatabase) -> None:
    policy = policy_from_value(
        policy_of(
            allow("s3:GetObject", "arn:aws:s3:::b/*", Sid="Read", Condition={"Bool": {"aws:SecureTransport": True}}),
            {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Principal": {"AWS": "999999999999"}},
        )
    )
    request = Request("s3:getobject", "arn:aws:s3:::b", "arn:aws:iam::123456789012:user/x", {})
    account = explain_request(policy, request, database)
    assert account.summary == "s3:GetObject on arn:aws:s3:::b is denied: no statement allows it."
    (_, first, elements), (_, second, others) = account.statements
    assert (first, second) == (False, False)
    assert [(e.element, e.matches) for e in elements] == [("Action", True), ("Resource", False), ("Condition", False)]
    assert elements[2].detail == "aws:SecureTransport is true: aws:SecureTransport is absent"
    assert [(e.element, e.matches) for e in others] == [("NotAction", True), ("Resource", True), ("Principal", False)]
    good = Request("s3:GetObject", "arn:aws:s3:::b/k", None, {"aws:securetransport": ("true",)})
    assert (
        explain_request(policy, good, database).summary == "s3:GetObject on arn:aws:s3:::b/k is denied by statement 1."
    )
    allowed = explain_request(policy, Request(good.action, good.resource, "123456789012", good.context), database)
    assert allowed.summary == "s3:GetObject on arn:aws:s3:::b/k is allowed by statement 0 (Read)."
    json.dumps([account.to_json(), allowed.to_json(), explain(policy, database).to_json()])


@pytest.mark.parametrize("corpus", CORPORA)
def test_real_policies_are_explained(corpus: str, database: ActionDatabase) -> None:
    from opswright.errors import InputError

    for item in policy_data(corpus)[:200]:
        try:
            policy = parse_policy(json.dumps(item["policy"], indent=2))
        except InputError:
            continue
        told = explain(policy, database)
        assert len(told.statements) == len(policy.statements)
        for finding in told.findings:
            assert finding.message and "\n" not in finding.message and finding.span.line > 0
        json.dumps(told.to_json())
