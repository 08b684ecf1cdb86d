"""A policy that AWS refuses for a stray element is mended as part of its repair, and the repair says so."""

import json

import pytest

from opswright.agents.files import File
from opswright.agents.policy.inputs import Work, read_work, repair_inputs
from opswright.agents.policy.validation import proof
from opswright.errors import InputError
from opswright.nouns import Json, Task

SPEC = "requests: [{effect: allow, action: 's3:GetObject', resource: 'arn:aws:s3:::b/k'}]"


def work(**more: Json) -> Work:
    """The work on a policy of one statement with these elements more."""
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", **more}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)
    return read_work(Task("t1", "policy", "", repair_inputs(File("p.json", text), File("s.yaml", SPEC))))


def test_a_stray_element_is_left_out_and_told_with_its_place() -> None:
    found = work(Major="*")
    (note,) = found.mended
    assert "statement 1: unknown element 'Major' left out" in note
    assert "p.json:8:7" in note
    shown = proof(found, found.policy)
    assert shown["warnings"][0] == note
    assert shown["edits"] == {"statements": 1, "elements": 1}


def test_a_misspelled_condition_goes_on_restricting() -> None:
    found = work(Condtion={"StringEquals": {"aws:username": "ann"}})
    assert found.policy.statements[0].conditions[0].key == "aws:username"
    assert "Condition" in found.policy.source and "Condtion" not in found.policy.source


@pytest.mark.parametrize(
    "more",
    [
        {"Only": {"aws:username": "ann"}},  # may have been a restriction
        {"Condition": {"StringEqualz": {"aws:username": "ann"}}},
    ],
)
def test_what_may_restrict_is_never_dropped(more: dict[str, Json]) -> None:
    with pytest.raises(InputError, match=r"p\.json:\d+:\d+"):
        work(**more)


def test_a_sound_policy_is_not_touched() -> None:
    assert work().mended == ()
