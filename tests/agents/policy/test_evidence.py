"""Masks say what the evaluator says."""

from hypothesis import given, settings

from opswright.agents.policy.draft import Draft
from opswright.agents.policy.evidence import Evidence, bits
from opswright.nouns import Json
from opswright.tools.iam.evaluator import decide, statement_matches
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.spec import spec_from_value
from tests.agents.policy.samples import allow, policy, spec
from tests.agents.policy.test_strict import problems


@settings(max_examples=100, deadline=None)
@given(problems())
def test_masks_agree_with_the_evaluator(problem: tuple[Json, Json]) -> None:
    document, asked = policy_from_value(problem[0]), spec_from_value(problem[1])
    wanted = [(item.request, item.effect == "allow") for item in asked.requests]
    draft = Draft.of(Evidence(document, wanted), document)
    for at, (request, allowed) in enumerate(wanted):
        bit = 1 << at
        assert bool(draft.allowed & bit) == decide(document, request).allowed
        assert bool(draft.wrong & bit) == (decide(document, request).allowed != allowed)
        for row in draft.rows:
            assert bool(row.hits & bit) == statement_matches(document, row.statement, request)


def test_what_the_evaluator_cannot_decide_is_wrong() -> None:
    condition = {"Condition": {"StringEquals": {"aws:TagKeys": "a"}}}
    document = policy(allow("s3:*", "*", **condition))
    asked = spec([["s3:GetObject", "x", {"aws:TagKeys": ["a", "b"]}]])
    draft = Draft.of(Evidence(document, [(item.request, True) for item in asked.requests]), document)
    assert draft.unread == 1
    assert draft.wrong == 1


def test_bits_are_positions() -> None:
    assert list(bits(0b10110)) == [1, 2, 4]
    assert list(bits(0)) == []
