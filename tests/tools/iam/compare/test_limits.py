"""Hard questions: what is decided quickly, and what ends at a limit with the reason."""

import pytest

from opswright.nouns import Json
from opswright.tools.iam.compare import Limits, new_access
from opswright.tools.iam.document import Policy
from tests.tools.iam.compare.drawing import policy, shows


def _ordered(count: int, closed: bool) -> tuple[Policy, Policy]:
    """Every segment must occur (a Deny with NotResource each), and none directly before its successor."""
    everything: Json = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    needed = [{"Effect": "Deny", "Action": "*", "NotResource": f"*seg{at:02}*"} for at in range(count)]
    pairs = [(at, (at + 1) % count) for at in range(count if closed else count - 1)]
    old = [{"Effect": "Allow", "Action": "s3:*", "Resource": f"*seg{a:02}*seg{b:02}*"} for a, b in pairs]
    return policy([everything, *needed]), policy(old)


@pytest.mark.parametrize("count", [2, 4, 8, 12, 16])
def test_segments_in_a_circle_cannot_be_ordered(count: int) -> None:
    new, old = _ordered(count, closed=True)
    assert new_access(new, old, fallback=False, limits=Limits(steps=20_000)).new_access is False


@pytest.mark.parametrize("count", [2, 4, 8, 12, 16])
def test_segments_in_a_row_can_be_reversed(count: int) -> None:
    new, old = _ordered(count, closed=False)
    found = new_access(new, old, fallback=False, limits=Limits(steps=50_000))
    assert found.witness is not None
    assert shows(found.witness, new, [old])


def _tangled() -> tuple[Policy, Policy]:
    letters = "abcdef"
    everything: Json = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    needed = [
        {"Effect": "Deny", "Action": "*", "NotResource": f"*{a}{b}*{b}?{a}*"} for a in letters for b in letters if a < b
    ]
    old = [{"Effect": "Allow", "Action": "s3:*", "Resource": [f"*{a}?{b}{a}*{b}*" for a in letters for b in letters]}]
    return policy([everything, *needed]), policy(old)


def test_the_limit_on_steps_is_a_reason() -> None:
    found = new_access(*_tangled(), fallback=False, limits=Limits(steps=300))
    assert found.new_access is None
    assert found.witness is None
    assert "limit of 300 steps" in found.reason or "too long a search" in found.reason


def test_the_limit_on_time_is_a_reason() -> None:
    found = new_access(*_tangled(), fallback=False, limits=Limits(seconds=0.0))
    assert found.new_access is None
    assert "time limit" in found.reason


def test_the_limit_on_one_search_is_a_reason() -> None:
    found = new_access(*_tangled(), fallback=False, limits=Limits(search_steps=100))
    assert found.new_access is None
    assert "the patterns of resource need too long a search" in found.reason


def test_more_variables_than_are_followed() -> None:
    names = "/".join(f"${{aws:PrincipalTag/t{at}}}" for at in range(7))
    new = policy([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{names}/*"}])
    old = policy([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{names}/a*"}])
    found = new_access(new, old, fallback=False)
    assert found.new_access is None
    assert "variables meet in one place" in found.reason
