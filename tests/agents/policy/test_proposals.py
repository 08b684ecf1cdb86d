"""Models' typed edits: what they make of a document, and what is refused with a message."""

from typing import Any

import pytest
from pydantic import ValidationError

from opswright.agents.policy.proposals import EditList, apply_edits
from opswright.errors import ModelRetry
from opswright.nouns import Json
from tests.agents.policy.samples import allow, deny, document

BEFORE = document(
    {**allow(["s3:GetObject"], "arn:aws:s3:::b/*"), "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
    deny("s3:*", "*"),
)


def applied(*edits: dict[str, Any]) -> list[Json]:
    found = EditList.model_validate({"edits": list(edits), "reason": "why"})
    return list(apply_edits(BEFORE, found.edits)["Statement"])


def test_entries_are_added_replaced_and_removed() -> None:
    made = applied(
        {"op": "add_entries", "statement": 1, "element": "Action", "values": ["s3:PutObject"]},
        {"op": "replace_entry", "statement": 1, "element": "Action", "old": "s3:GetObject", "new": "s3:Get*"},
        {"op": "replace_entry", "statement": 1, "element": "Resource", "old": "arn:aws:s3:::b/*", "new": "*"},
    )
    assert made[0]["Action"] == ["s3:Get*", "s3:PutObject"]
    assert made[0]["Resource"] == "*"
    assert applied({"op": "remove_statement", "statement": 2}) == [BEFORE["Statement"][0]]


def test_effect_element_and_condition_are_changed() -> None:
    made = applied(
        {"op": "set_effect", "statement": 2, "effect": "Allow"},
        {"op": "invert_element", "statement": 2, "element": "Action"},
        {"op": "remove_condition", "statement": 1, "operator": "StringEquals", "key": "aws:SourceVpc"},
        {"op": "set_condition", "statement": 2, "operator": "Bool", "key": "aws:SecureTransport", "values": ["true"]},
        {"op": "set_principal", "statement": 2, "kind": "AWS", "values": ["111122223333"]},
    )
    assert "Condition" not in made[0]
    assert made[1] == {
        "Effect": "Allow",
        "NotAction": "s3:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}},
        "Principal": {"AWS": "111122223333"},
    }


def test_statement_numbers_do_not_shift() -> None:
    made = applied(
        {"op": "remove_statement", "statement": 1},
        {"op": "add_statement", "effect": "Allow", "actions": ["sqs:*"], "resources": ["*"]},
        {"op": "set_effect", "statement": 2, "effect": "Allow"},
    )
    assert made == [allow("s3:*", "*"), allow("sqs:*", "*")]


@pytest.mark.parametrize(
    "edit, message",
    [
        ({"op": "set_effect", "statement": 9, "effect": "Allow"}, "there is no statement 9"),
        ({"op": "remove_entries", "statement": 1, "element": "Action", "values": ["x:Y"]}, "no Action entry 'x:Y'"),
        ({"op": "remove_entries", "statement": 2, "element": "Action", "values": ["s3:*"]}, "no Action left"),
        ({"op": "add_entries", "statement": 1, "element": "NotAction", "values": ["x:Y"]}, "has no NotAction"),
        ({"op": "remove_condition", "statement": 2, "operator": "Bool", "key": "k"}, "has no condition Bool on k"),
    ],
)
def test_an_edit_that_does_not_fit_tells_the_model_why(edit: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelRetry, match=message):
        applied(edit)


def test_the_document_itself_is_not_touched() -> None:
    applied({"op": "add_entries", "statement": 1, "element": "Action", "values": ["s3:PutObject"]})
    assert BEFORE["Statement"][0]["Action"] == ["s3:GetObject"]


@pytest.mark.parametrize(
    "edit",
    [
        {"op": "run_shell", "command": "id"},
        {"op": "set_effect", "statement": 1, "effect": "Maybe"},
        {"op": "set_effect", "statement": 0, "effect": "Allow"},
        {"op": "set_effect", "statement": 1, "effect": "Allow", "approve": True},
    ],
)
def test_nothing_but_the_known_edits_is_a_proposal(edit: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EditList.model_validate({"edits": [edit], "reason": "x"})
