"""The policy grammar: what is accepted, and the place and words of what is refused."""

import json
import os
from pathlib import Path

import pytest

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam.document import Effect, Entry, PrincipalEntry
from opswright.tools.iam.mend import mend
from opswright.tools.iam.parser import MAX_BYTES, parse_policy, policy_from_value, read_policy
from tests.tools.iam.data import CORPORA, policy_data

GOOD: Json = {
    "Version": "2012-10-17",
    "Id": "x",
    "Statement": [
        {
            "Sid": "One",
            "Effect": "Deny",
            "NotPrincipal": {"AWS": ["123456789012", "*"], "Service": "s3.amazonaws.com"},
            "NotAction": ["s3:Get*", "S3:putobject"],
            "NotResource": "arn:aws:s3:::b/*",
            "Condition": {
                "foranyvalue:stringlikeifexists": {"aws:TagKeys": ["a", "b"]},
                "Bool": {"aws:SecureTransport": False},
                "NumericLessThan": {"s3:max-keys": 10},
            },
        }
    ],
}


def test_every_piece_has_its_place() -> None:
    text = json.dumps(GOOD, indent=2)
    policy = parse_policy(text, "p")
    statement = policy.statements[0]
    assert (
        statement.effect is Effect.DENY and statement.not_action and statement.not_resource and statement.not_principal
    )
    entries: list[Entry | PrincipalEntry] = [*statement.actions, *(statement.resources or ())]
    for entry in (*entries, *(statement.principals or ())):
        assert json.loads(text[entry.span.start : entry.span.end]) == entry.text
        assert text.splitlines()[entry.span.line - 1][entry.span.column - 1] == '"'
    assert (statement.principals or ())[2] == PrincipalEntry("Service", "s3.amazonaws.com")
    test = statement.conditions[0]
    assert (test.operator, test.quantifier, test.if_exists, test.key) == (
        "StringLike",
        "ForAnyValue",
        True,
        "aws:TagKeys",
    )
    assert text[test.span.start : test.span.end] == '"aws:TagKeys"'
    assert [entry.text for entry in statement.conditions[1].values] == ["false"]
    assert [entry.text for entry in statement.conditions[2].values] == ["10"]
    assert policy.source == text and policy.value == GOOD and policy.variables


def test_text_and_value_give_equal_policies() -> None:
    assert parse_policy(json.dumps(GOOD)) == policy_from_value(GOOD)


def test_one_statement_may_stand_alone_and_the_version_may_be_missing() -> None:
    policy = policy_from_value({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    assert (policy.version, policy.variables, len(policy.statements)) == ("2008-10-17", False, 1)


def statement(**changes: Json) -> str:
    """A policy text of one statement on line 3, its elements on lines 4 and up."""
    body = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **changes}
    body = {name: item for name, item in body.items() if item is not ...}
    return json.dumps({"Statement": [body]}, indent=1)


BAD = [
    ("[]", "1:1", "a policy is an object with Version and Statement, not a list"),
    ("{}", "1:1", "has no Statement"),
    ('{"Statement": []}', "1:15", "Statement is an empty list"),
    ('{"Statement": "x"}', "1:15", "must be an object or a list of objects, not a string"),
    ('{"Statement": [1]}', "1:16", "a statement is an object, not a number"),
    ('{"statement": []}', "1:2", "element 'statement' must be written 'Statement'"),
    ('{"Statemnt": []}', "1:2", "unknown element 'Statemnt'; did you mean 'Statement'?"),
    ('{"Version": "2012-10-18", "Statement": []}', "1:13", "Version '2012-10-18' does not exist; write 2012-10-17"),
    ('{"Version": 2012, "Statement": []}', "1:13", "Version a number does not exist"),
    ('{"Id": 1, "Statement": []}', "1:8", "Id must be a string"),
    (statement(Effect=...), "3:3", "has no Effect"),
    (statement(Effect="allow"), "4:14", "Effect must be Allow or Deny (spelled so), not 'allow'"),
    (statement(Effect=True), "4:14", "Effect must be Allow or Deny (spelled so), not true"),
    (statement(Action=...), "3:3", "neither Action nor NotAction"),
    (statement(NotAction="s3:*"), "7:4", "both Action and NotAction"),
    (statement(NotResource="*"), "7:4", "both Resource and NotResource"),
    (statement(Principal="*", NotPrincipal="*"), "8:4", "both Principal and NotPrincipal"),
    (statement(Resource=...), "3:3", "neither Resource nor Principal"),
    (statement(Action=[]), "5:14", "Action is an empty list"),
    (statement(Action=["s3:a", 3]), "7:5", "Action must hold strings, not a number"),
    (statement(Action={}), "5:14", "Action must be a string or a list of strings, not an object"),
    (statement(Resource=None), "6:16", "Resource must be a string or a list of strings, not null"),
    (statement(action="x"), "7:4", "element 'action' must be written 'Action'"),
    (statement(Actions="x"), "7:4", "unknown element 'Actions'; did you mean 'Action'?"),
    (statement(Major="x"), "7:4", "unknown element 'Major'; a statement has Sid, Effect"),
    (statement(Sid=1), "7:11", "Sid must be a string, not a number"),
    (statement(Principal=["1"]), "7:17", 'Principal must be "*" or an object'),
    (statement(Principal="arn:aws:iam::1:root"), "7:17", 'Principal must be "*" or an object'),
    (statement(Principal={}), "7:17", "Principal is an empty object"),
    (statement(Principal={"aws": "*"}), "8:5", "element 'aws' must be written 'AWS'"),
    (statement(Principal={"User": "*"}), "8:5", "unknown element 'User'"),
    (statement(Principal={"AWS": []}), "8:12", "Principal AWS is an empty list"),
    (statement(Condition=[]), "7:17", "Condition must be an object of operators"),
    (statement(Condition={"StringEqual": {"a": "b"}}), "8:5", "did you mean StringEquals?"),
    (statement(Condition={"ForSomeValue:StringEquals": {"a": "b"}}), "8:5", "unknown set operator 'ForSomeValue'"),
    (statement(Condition={"NullIfExists": {"a": "true"}}), "8:5", "Null takes no IfExists"),
    (statement(Condition={"ForAnyValue:Null": {"a": "true"}}), "8:5", "Null takes no ForAnyValue"),
    (statement(Condition={"StringEquals": "x"}), "8:21", "StringEquals must be an object of keys"),
    (statement(Condition={"StringEquals": {}}), "8:21", "tests no key"),
    (statement(Condition={"StringEquals": {"a": []}}), "9:11", "empty list of values"),
    (statement(Condition={"StringEquals": {"a": None}}), "9:11", "must be a string, a number or true/false"),
    (statement(Condition={"StringEquals": {"a": ["x", {}]}}), "11:7", "must be a string, a number or true/false"),
    (statement(Condition={"StringEquals": {" ": "x"}}), "9:6", "a key without a name"),
    (statement(Condition={"StringEquals": {"aws:x": "1", "AWS:X": "2"}}), "10:6", "is 'aws:x' again"),
    (statement(Condition={"NumericLessThan": {"a": "ten"}}), "9:11", "needs a number, such as 10 or 1.5, not 'ten'"),
    (statement(Condition={"NumericLessThan": {"a": "NaN"}}), "9:11", "needs a number"),
    (statement(Condition={"NumericEquals": {"a": True}}), "9:11", "needs a number"),
    (statement(Condition={"DateLessThan": {"a": "01/02/2020"}}), "9:11", "needs a date"),
    (statement(Condition={"DateLessThan": {"a": "2020-13-01"}}), "9:11", "needs a date"),
    (statement(Condition={"DateLessThan": {"a": "2020-02-30T00:00:00Z"}}), "9:11", "needs a date"),
    (statement(Condition={"DateLessThan": {"a": "2020-01-01T00:00:00"}}), "9:11", "needs a date"),
    (statement(Condition={"IpAddress": {"a": ["10.0.0.0/8", "10.0.0.0/33"]}}), "11:7", "needs an address range"),
    (statement(Condition={"NotIpAddress": {"a": "example.org"}}), "9:11", "needs an address range"),
    (statement(Condition={"Bool": {"a": "yes"}}), "9:11", "needs true or false"),
    (statement(Condition={"Bool": {"a": "${aws:SecureTransport}"}}), "9:11", "takes no policy variable"),
    (statement(Condition={"Null": {"a": "maybe"}}), "9:11", "needs true (the key is absent)"),
    (statement(Condition={"BinaryEquals": {"a": "!!"}}), "9:11", "needs base64 text"),
]


@pytest.mark.parametrize(
    ("text", "place", "message"), BAD, ids=[f"{place} {message[:40]}" for _, place, message in BAD]
)
def test_what_aws_refuses_is_refused_where_it_stands(text: str, place: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_policy(text, "p.json")
    said = str(caught.value)
    assert said.startswith(f"p.json:{place}: "), said
    assert message in said
    assert "\n" not in said
    with pytest.raises(InputError) as caught:
        policy_from_value(json.loads(text), "candidate")
    assert str(caught.value).startswith("candidate: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("odd", ["x" * 100_000, "line\nbreak\x1b[31m"])
def test_foreign_text_stays_short_and_on_one_line(odd: str) -> None:
    good: Json = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    conditions: list[Json] = [{odd: {}}, {f"{odd}:Bool": {}}, {"Bool": {odd: odd}}, {"Bool": {odd: []}}]
    values: list[Json] = [{odd: 1}, {"Statement": {**good, "Effect": odd}}, {"Statement": {**good, odd: 1}}]
    for value in [*values, *({"Statement": {**good, "Condition": block}} for block in conditions)]:
        for attempt in range(2):
            with pytest.raises(InputError) as caught:
                _ = parse_policy(json.dumps(value), odd) if attempt else policy_from_value(value, odd)
            assert len(str(caught.value)) < 2500 and str(caught.value).isprintable()


def test_a_value_without_positions_is_reported_by_its_path() -> None:
    value = json.loads(statement(Condition={"NumericEquals": {"a": ["1", "x"]}}))
    with pytest.raises(
        InputError, match=r"^policy: Statement\[0\]\.Condition\.NumericEquals\.a\[1\]: NumericEquals on a"
    ):
        policy_from_value(value)


ACCEPTED: list[Json] = [
    {"a": "1e3"},
    {"a": ["-1.5", 2, 3.0]},
]


@pytest.mark.parametrize("block", ACCEPTED)
def test_numbers_in_every_form(block: Json) -> None:
    parse_policy(statement(Condition={"NumericEquals": block}))


# AWS refuses these: an element that does not exist, a condition operator outside Condition, a list as Principal.
REFUSED = {
    "cloudfix_policies": {"61": "unknown element 'Major'", "94": "unknown element 'StringEquals'"},
    "quacky_samples": {
        "samples/manual_s3/exp_single/s3_allow_notprincipal/policy.json": "NotPrincipal must be",
        "samples/manual_s3/exp_single/s3_allow_principals/policy.json": "Principal must be",
    },
    "aws_managed_policies": {},
}


@pytest.mark.parametrize("corpus", CORPORA)
def test_real_policies_are_read(corpus: str) -> None:
    refused = {}
    for item in policy_data(corpus):
        try:
            policy = policy_from_value(item["policy"])
        except InputError as error:
            refused[item["id"]] = str(error)
            mended, notes = mend(item["policy"])
            assert policy_from_value(mended).statements and notes
            continue
        assert policy == parse_policy(json.dumps(item["policy"], indent=2))
        assert mend(item["policy"]) == (item["policy"], ())
    assert set(refused) == set(REFUSED[corpus])
    assert all(REFUSED[corpus][id] in said for id, said in refused.items())


def test_mending_says_what_it_changed() -> None:
    value = {
        "version": "2012-10-17",
        "Comment": "x",
        "Statement": {
            "effect": "allow",
            "Action": "s3:*",
            "Resource": "*",
            "Principal": ["123456789012"],
            "StringEquals": {"aws:username": "bob"},
            "action": "s3:Get*",
        },
    }
    mended, notes = mend(value)
    assert mended["Statement"]["Condition"] == {"StringEquals": {"aws:username": "bob"}}
    assert (mended["Version"], mended["Statement"]["Effect"]) == ("2012-10-17", "Allow")
    assert mended["Statement"]["Action"] == "s3:*"
    assert len(notes) == 7
    policy_from_value(mended)
    assert "version" in value


def test_reading_files(tmp_path: Path) -> None:
    good = tmp_path / "p.json"
    good.write_text(json.dumps(GOOD))
    assert read_policy(good) == policy_from_value(GOOD)
    (tmp_path / "empty.json").write_text(" \n")
    (tmp_path / "latin.json").write_bytes(b'{\n"a": "\xe9"}')
    (tmp_path / "big.json").write_bytes(b" " * (MAX_BYTES + 1))
    (tmp_path / "broken.json").write_text('{"Statement": [}')
    for name, said in (
        ("missing.json", "no such policy file"),
        ("", "is a directory"),
        ("empty.json", "is empty"),
        ("latin.json:2:7", "is not UTF-8"),
        ("big.json", "larger than 1 MiB"),
        ("broken.json:1:16", "expected a value"),
        ("p.json/x", "cannot be read"),
        ("nul\0name", "cannot be read"),
    ):
        with pytest.raises(InputError) as caught:
            read_policy(tmp_path / name.partition(":")[0])
        assert str(caught.value).startswith(f"{tmp_path / name}: ") and said in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is not a regular file"):
        read_policy(tmp_path / "pipe")
