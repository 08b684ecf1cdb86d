"""Specifications: both syntaxes, every error with its place, contradictions."""

import json
from pathlib import Path

import pytest

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam.document import Request
from opswright.tools.iam.spec import Pattern, contradictions, parse_spec, read_spec, spec_from_value
from tests.tools.iam.data import policy_data

TEXT = """\
# what the reports job needs
requests:
  - {id: read, effect: allow, action: s3:GetObject, resource: arn:aws:s3:::reports/a.csv}
  - effect: Deny
    action: s3:DeleteObject
    resource: "arn:aws:s3:::reports/é.csv"
    principal: 012345678901
    context:
      aws:SecureTransport: true
      s3:max-keys: 010
      aws:TagKeys: [a, No, 1.50]
never: iam:*
always:
  action: [s3:Get*, s3:List*]
  resource: arn:aws:s3:::public/*
  context: {aws:SourceVpc: vpc-1}
may:
  - {action: "s3:*", principal: "arn:aws:iam::123456789012:role/*"}
"""


def test_yaml() -> None:
    spec = parse_spec(TEXT, "s.yaml")
    read, delete = spec.requests
    assert (read.id, read.effect, read.request.resource, read.request.principal) == (
        *("read", "allow", "arn:aws:s3:::reports/a.csv"),
        None,
    )
    assert (delete.id, delete.effect, delete.request.principal) == ("request-2", "deny", "012345678901")
    assert delete.request.context == {
        "aws:securetransport": ("true",),
        "s3:max-keys": ("010",),
        "aws:tagkeys": ("a", "No", "1.50"),
    }
    assert (str(read.span), str(delete.span)) == ("3:5", "4:5")
    assert spec.never == (Pattern(("iam:*",)),)
    assert spec.always[0].actions == ("s3:get*", "s3:list*") and spec.always[0].context == {"aws:sourcevpc": ("vpc-1",)}
    assert spec.may[0].principals == ("arn:aws:iam::123456789012:role/*",)


def test_json_and_plain_values_read_alike() -> None:
    value = {
        "requests": [
            {"effect": "allow", "action": "a:B", "resource": "*", "context": {"K": [True, 10, "x"], "none": []}}
        ],
        "never": ["a:*", {"action": "b:C", "resource": ["x*", "y"]}],
    }
    spec = spec_from_value(value)
    assert parse_spec(json.dumps(value), "s.json") == spec == parse_spec(json.dumps(value, indent=2))
    assert spec.requests[0].request.context == {"k": ("true", "10", "x"), "none": ()}


def test_patterns_match() -> None:
    pattern = parse_spec(TEXT).always[0]
    request = Request("S3:getobject", "arn:aws:s3:::public/x", None, {"aws:sourcevpc": ("vpc-1",)})
    assert pattern.matches(request)
    for other in (
        Request("s3:PutObject", request.resource, None, request.context),
        Request(request.action, "arn:aws:s3:::private/x", None, request.context),
        Request(request.action, request.resource, None, {"aws:sourcevpc": ("vpc-2",)}),
        Request(request.action, request.resource),
    ):
        assert not pattern.matches(other)
    role = parse_spec(TEXT).may[0]
    assert role.matches(Request("s3:X", "*", "arn:aws:iam::123456789012:role/app"))
    assert not role.matches(Request("s3:X", "*"))


BAD = [
    ("requests: [\n", "2:1", "broken YAML"),
    ("requests:\n  - a: b\n   c: d\n", "3:4", "broken YAML"),
    ("a: &x [1]\nb: *x", "2:4", "the alias *x is not supported"),
    ("never: !!python/name:os.system x", "1:8", "the tag"),
    ("never: !mine x", "1:8", "the tag !mine"),
    ("never: a:b\n---\nnever: c:d", "2:1", "broken YAML"),
    ("<<: {a: b}", "1:1", "the merge key << is not supported"),
    ("? [a]\n: 2", "1:3", "a name must be a string"),
    ("~: 2", "1:1", "the name '~' is no string; put it in quotes"),
    ("requests:\n- {effect: allow, action: a:b, resource: x, context: {10: a}}", "2:55", "the name '10' is no string"),
    ("never: a:b\nnever: c:d", "2:1", "'never' is already used at 1:1"),
    ("x: \x01", "1:4", "cannot hold this control character"),
    ("[" * 5000, "1:101", "nested more than"),
    ("", "1:1", "is empty"),
    ("# nothing\n", "1:1", "is empty"),
    ("just text", "1:1", "a specification is an object with"),
    ("{}", "1:1", "asks for nothing"),
    ("may: s3:*", "1:1", "asks for nothing"),
    ("request: []", "1:1", "a specification has no 'request'"),
    ("requests: {}", "1:11", "requests must be a list"),
    ("requests: [x]", "1:12", "a request is an object with"),
    ("requests:\n- {action: a:b, resource: x}", "2:3", "has no effect"),
    ("requests:\n- {effect: allow, resource: x}", "2:3", "has no action"),
    ("requests:\n- {effect: allow, action: a:b}", "2:3", "has no resource"),
    ("requests:\n- {effect: maybe, action: a:b, resource: x}", "2:12", "effect must be allow or deny, not 'maybe'"),
    ("requests:\n- {effect: allow, action: 's3:*', resource: x}", "2:27", "'s3:*' is not one action"),
    ("requests:\n- {effect: allow, action: [a:b], resource: x}", "2:27", "action must be a string"),
    ("requests:\n- {effect: allow, action: a:b, resource: ~}", "2:42", "resource has no value"),
    ("requests:\n- {effect: allow, action: a:b, resource: }", "2:42", "resource has no value"),
    ("requests:\n- {effect: allow, action: a:b, resource: x, Condition: {}}", "2:45", "a request has no 'Condition'"),
    ("requests:\n- {effect: allow, action: a:b, resource: x, context: []}", "2:54", "context must be an object"),
    ("requests:\n- {effect: allow, action: a:b, resource: x, context: {k: {}}}", "2:58", "k must be a string"),
    ("requests:\n- {effect: allow, action: a:b, resource: x, context: {k: [~]}}", "2:59", "k has no value"),
    ("requests:\n- {effect: allow, action: a:b, resource: x, context: {k: 1, K: 2}}", "2:61", "'K' is there twice"),
    (
        "requests:" + "\n- {id: a, effect: allow, action: a:b, resource: x}" * 2,
        "3:3",
        "'a' is already used at",
    ),
    ("never: [{resource: x}]", "1:9", "the pattern has no action"),
    ("never: [{action: [], resource: x}]", "1:18", "action is an empty list"),
    ("never: GetObject", "1:8", "'GetObject' names no service"),
    ("never: [{action: 'a:*', actions: b}]", "1:25", "a pattern has no 'actions'"),
    ('{"never": ["a:*",]}', "1:18", "comma before the closing ]"),
]


@pytest.mark.parametrize(("text", "place", "message"), BAD, ids=[message for _, _, message in BAD])
def test_what_is_wrong_is_said_where_it_stands(text: str, place: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_spec(text, "spec")
    said = str(caught.value)
    assert said.startswith(f"spec:{place}: "), said
    assert message in said and "\n" not in said


def test_errors_in_plain_values_name_the_path() -> None:
    with pytest.raises(InputError, match=r"^spec: requests\[1\]\.context\.k\[0\]: k has no value"):
        good = {"effect": "allow", "action": "a:b", "resource": "*"}
        spec_from_value({"requests": [good, {**good, "context": {"k": [None]}}]})


def test_places_count_characters_not_bytes() -> None:
    text = "never: [{resource: 'éé', action: 'a:*', actions: b}]"
    with pytest.raises(InputError) as caught:
        parse_spec(text, "spec")
    assert str(caught.value).startswith(f"spec:1:{text.index('actions') + 1}: ")


def test_reading_files(tmp_path: Path) -> None:
    (tmp_path / "s.yml").write_text(TEXT)
    assert len(read_spec(tmp_path / "s.yml").requests) == 2
    (tmp_path / "s.json").write_text("never: iam:*")
    with pytest.raises(InputError, match=r"s\.json:1:1: 'never' is no JSON value"):
        read_spec(tmp_path / "s.json")
    with pytest.raises(InputError, match="no such specification file"):
        read_spec(tmp_path / "no.yaml")


def allow(id: str, action: str, resource: str = "*", **more: Json) -> Json:
    return {"id": id, "effect": "allow", "action": action, "resource": resource, **more}


def deny(id: str, action: str, resource: str = "*", **more: Json) -> Json:
    return {**allow(id, action, resource, **more), "effect": "deny"}


CONTRADICTIONS: list[tuple[Json, list[str]]] = [
    ({"requests": [allow("a", "s3:Get"), deny("b", "S3:get")]}, ["a allows and b denies the same request"]),
    (
        {"requests": [deny("b", "x:y", context={"K": ["1", "2"]}), allow("a", "x:y", context={"k": ["2", "1", "1"]})]},
        ["a allows and b denies the same request"],
    ),
    ({"requests": [allow("a", "x:y", context={"k": []}), deny("b", "x:y")]}, ["a allows and b denies"]),
    ({"requests": [allow("a", "x:y", context={"k": "1"}), deny("b", "x:y")]}, []),
    ({"requests": [allow("a", "x:y", principal="p"), deny("b", "x:y")]}, []),
    ({"requests": [allow("a", "x:y"), deny("b", "x:y", "r")]}, []),
    (
        {"requests": [allow("a", "iam:GetUser")], "never": ["s3:*", "iam:*"]},
        ["a allows iam:GetUser, which never 2 (iam:* on *)"],
    ),
    (
        {"requests": [deny("a", "iam:GetUser", "u1")], "always": {"action": "iam:Get*", "resource": "u*"}},
        ["a denies iam:GetUser, which always 1"],
    ),
    ({"requests": [deny("a", "iam:GetUser"), allow("b", "s3:X")], "never": "iam:*", "always": "s3:*"}, []),
    (
        {"never": {"action": "s3:*", "resource": "a*"}, "always": {"action": "*:Get*", "resource": "*b"}},
        ["always 1", "never 1", "share requests"],
    ),
    ({"never": {"action": "s3:*", "resource": "a*"}, "always": {"action": "*:Get*", "resource": "b*"}}, []),
    ({"never": {"action": "*", "principal": "a"}, "always": {"action": "*", "principal": "b"}}, []),
    ({"never": {"action": "*", "principal": "a*"}, "always": "s3:*"}, ["share requests"]),
    ({"never": {"action": "*", "context": {"k": "a"}}, "always": {"action": "*", "context": {"K": "b"}}}, []),
    ({"never": {"action": "*", "context": {"k": "a*"}}, "always": {"action": "*", "context": {"k": "*b"}}}, ["share"]),
    (
        {
            "never": {"action": "*", "context": {"aws:TagKeys": "a"}},
            "always": {"action": "*", "context": {"aws:tagkeys": "b"}},
        },
        ["share"],
    ),
]


@pytest.mark.parametrize(("value", "expected"), CONTRADICTIONS)
def test_contradictions(value: Json, expected: list[str]) -> None:
    found = contradictions(spec_from_value(value))
    assert len(found) == (1 if expected else 0)
    for text in expected:
        assert text in found[0]


@pytest.mark.parametrize("size", [5, 10])
def test_cloudfix_specifications_load_and_do_not_contradict_themselves(size: int) -> None:
    for item in policy_data(f"cloudfix_specs_{size}"):
        spec = spec_from_value(item)
        assert len(spec.requests) == len(item["requests"])
        assert contradictions(spec) == []
