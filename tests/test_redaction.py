"""Secrets are cut; what only looks like one stays."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.redaction import Redactor

KEY = 'sk-Conf1gured-value/with+odd=chars"é'
SECRETS = {
    "aws key id": ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    "aws secret": ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
    "aws secret in JSON": ('{"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG"}', "wJalrXUtnFEMI"),
    "session token": ("AWS_SESSION_TOKEN=FwoGZXIvYXdzEBYaD", "FwoGZXIvYXdzEBYaD"),
    "url password": ("postgres://me:p%40ss@host:5432/db", "p%40ss"),
    "url password, no user": ("redis://:hunter2@host/0", "hunter2"),
    "assignment": ("password=hunter2", "hunter2"),
    "yaml": ("db_password: hunter2", "hunter2"),
    "json": ('{"password": "hunter2"}', "hunter2"),
    "json in json": (json.dumps({"log": '{"password": "hunter2"}'}), "hunter2"),
    "query string": ("https://host/x?token=abcdef&y=1", "abcdef"),
    "camel case is separate words": ("client_secret: 'hunter2'", "hunter2"),
    "bearer": ("Authorization: Bearer abc.def-ghi123", "abc.def-ghi123"),
    "basic": ("authorization: Basic bWU6aHVudGVyMg==", "bWU6aHVudGVyMg"),
    "bare bearer": ("sent bearer 0123456789abcdef01 to it", "0123456789abcdef01"),
    "github": ("ghp_0123456789abcdefghij0123", "ghp_0123456789"),
    "slack": ("xoxb-123456789012-abcdef", "xoxb-1234"),
    "openai": ("sk-proj-abcDEF0123456789xyz", "abcDEF0123456789xyz"),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJzdWIiOiIxMjM0In0"),
    "pem": ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----", "MIIEow"),
    "pem cut off": ("-----BEGIN PRIVATE KEY-----\nMIIEow", "MIIEow"),
    "configured": (f"x{KEY}y", "Conf1gured"),
    "configured, in a URL": ("https://h/?k=sk-Conf1gured-value%2Fwith%2Bodd%3Dchars%22%C3%A9", "Conf1gured"),
    "configured, in JSON": (json.dumps(KEY), "Conf1gured"),
}
INNOCENT = [
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db-AbCdEf",
    "arn:aws:iam::123456789012:user/alice",
    "AIDAJ45Q7YFFAREXAMPLE",
    '"Action": ["sts:GetSessionToken", "secretsmanager:GetSecretValue", "kms:*"]',
    '{"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}',
    '"aws:TokenIssueTime": "2020-01-01T00:00:00Z"',
    "arn:aws:s3:::sk-acme-bucket-production-logs-2024/*",
    "basic understanding of passwords",
    "https://host:8080/path@v2",
    "tokens: 47, a token costs little",
    "-----BEGIN CERTIFICATE-----\nMIIEow\n-----END CERTIFICATE-----",
]


@pytest.mark.parametrize("text, secret", SECRETS.values(), ids=SECRETS.keys())
def test_secrets_are_cut(text: str, secret: str) -> None:
    said = Redactor([KEY]).text(text)
    assert secret in text
    assert secret not in said
    assert "[redacted " in said


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor([KEY]).text(text) == text


def test_json_values_are_cut_by_their_key_and_keep_their_form() -> None:
    value = {"password": "x", "list": [{"api_key": "y", "n": 1}], "AKIAIOSFODNN7EXAMPLE": None, "token": 7, "ok": True}
    assert Redactor().value(value) == {
        "password": "[redacted secret]",
        "list": [{"api_key": "[redacted secret]", "n": 1}],
        "[redacted aws access key]": None,
        "token": 7,
        "ok": True,
    }


def test_short_configured_values_are_not_cut() -> None:
    assert Redactor(["none", ""]).text("none of it") == "none of it"


def test_the_longest_of_overlapping_values_goes_first() -> None:
    assert Redactor(["abcdefgh", "abcdefghijkl"]).text("abcdefghijkl") == "[redacted key]"


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_configured_value_never_survives(before: str, after: str) -> None:
    assert KEY not in Redactor([KEY]).text(before + KEY + after)


@given(st.sampled_from([text for text, _ in SECRETS.values()]), st.sampled_from(INNOCENT))
def test_cutting_twice_changes_nothing_more(secret: str, other: str) -> None:
    once = Redactor([KEY]).text(f"{other}\n{secret}\n{other}")
    assert Redactor([KEY]).text(once) == once
