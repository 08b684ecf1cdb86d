"""cvc5 as the fallback: it agrees with the own search where both answer, and every answer it gives is right."""

import pytest
from hypothesis import HealthCheck, given, settings

from opswright.nouns import Json
from opswright.tools.iam.compare import Limits, new_access
from tests.tools.iam.compare.drawing import assert_right, pairs, policy

ONLY_CVC5 = Limits(search_steps=0, fallback_ms=2000)  # the own search gives up at once


@given(pairs(variables=True))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_both_engines_agree(pair: tuple[list[Json], list[Json]]) -> None:
    pytest.importorskip("cvc5")
    new, old = policy(pair[0]), policy(pair[1])
    own, other = new_access(new, old, fallback=False), new_access(new, old, limits=ONLY_CVC5)
    assert_right(other, new, [old])
    if None not in (own.new_access, other.new_access):
        assert own.new_access == other.new_access


def test_the_fallback_is_asked_and_named() -> None:
    pytest.importorskip("cvc5")
    new = policy([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*a*b*"}])
    old = policy([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::*b*a*"}])
    found = new_access(new, old, limits=ONLY_CVC5)
    assert (found.new_access, found.engine) == (True, "cvc5")
    assert new_access(new, old, limits=ONLY_CVC5, fallback=False).new_access is None


def test_lengths_decide_what_patterns_do_not() -> None:
    """Each of two keys would have to be longer than the other: beyond the own search, easy for cvc5."""
    pytest.importorskip("cvc5")
    condition = {"StringLike": {"aws:userid": "b${aws:username}"}, "StringEquals": {"aws:username": "a${aws:userid}"}}
    new = policy([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition}])
    old = policy([{"Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*"}])
    own = new_access(new, old, fallback=False)
    assert own.new_access is None
    assert "${aws:userid}" in own.reason
    assert (new_access(new, old).new_access, new_access(new, old).engine) == (False, "cvc5")


def test_what_cvc5_has_no_form_for_stays_undecided() -> None:
    pytest.importorskip("cvc5")
    condition = {"StringLike": {"aws:userid": "?${aws:username}"}, "StringEquals": {"aws:username": "a${aws:userid}"}}
    new = policy([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": condition}])
    found = new_access(new, policy([{"Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*"}]))
    assert (found.new_access, found.engine) == (None, "glob")
    assert "cvc5 was not asked" in found.reason
