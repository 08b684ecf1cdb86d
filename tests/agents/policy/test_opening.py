"""A Deny that hits too much is narrowed by small edits where the proof allows it."""

import pytest

from opswright.agents.policy.repair import repair
from opswright.nouns import Json
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.spec import spec_from_value

PAYROLL = {"action": "s3:*", "resource": "arn:aws:s3:::b/reports/payroll/*"}
REQUESTS = [
    {"effect": "allow", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/reports/profit.pdf"},
    {"effect": "deny", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/reports/payroll/september.csv"},
]


def repaired(deny: Json, *allows: Json) -> list[Json]:
    """The statements of the strict repair of a policy with this Deny first."""
    value = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", **deny}, *allows]}
    found = repair(policy_from_value(value), spec_from_value({"requests": REQUESTS, "never": [PAYROLL]}))
    assert found.best is not None
    statements: list[Json] = found.best.value["Statement"]
    return statements


@pytest.mark.parametrize(
    "resources",
    [
        ["arn:aws:s3:::b/reports/payroll/*", "arn:aws:s3:::b/reports/profit*"],  # one entry too many
        ["arn:aws:s3:::b/reports/p*"],  # one that reaches too far
    ],
)
def test_what_no_allow_opens_goes_from_the_deny_as_it_stands(resources: list[str]) -> None:
    statements = repaired({"Action": "s3:*", "Resource": resources})
    assert statements[0]["Action"] == "s3:*"
    assert statements[0]["Resource"] in ("arn:aws:s3:::b/reports/payroll/*", ["arn:aws:s3:::b/reports/payroll/*"])
    assert len(statements) == 2


def test_where_an_allow_would_open_more_only_the_request_is_spared() -> None:
    everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}
    deny = {"Action": "s3:*", "Resource": ["arn:aws:s3:::b/reports/payroll/*", "arn:aws:s3:::b/reports/profit*"]}
    statements = repaired(deny, everything)
    # The rest of profit* stays denied: strict repair opens nothing but what was asked for.
    policy = policy_from_value({"Version": "2012-10-17", "Statement": statements})
    from opswright.tools.iam.document import Request
    from opswright.tools.iam.evaluator import decide

    assert decide(policy, Request("s3:GetObject", "arn:aws:s3:::b/reports/profit.pdf")).allowed
    assert not decide(policy, Request("s3:GetObject", "arn:aws:s3:::b/reports/profit-2.pdf")).allowed
    assert not decide(policy, Request("s3:PutObject", "arn:aws:s3:::b/reports/profit.pdf")).allowed
