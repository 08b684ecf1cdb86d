"""The table: what AWS's documentation says, case by case, against the evaluator."""

import pytest

from opswright.nouns import Json
from opswright.tools.iam.document import Request
from opswright.tools.iam.evaluator import decide, mismatches, statement_matches
from opswright.tools.iam.operators import OPERATORS
from opswright.tools.iam.parser import parse_policy, policy_from_value
from tests.tools.iam.data import CASES, cases

ALL = [(path.stem, case) for path in sorted(CASES.glob("*.jsonl")) for case in cases(path)]


def request_of(value: Json) -> Request:
    context = {key: tuple(given) for key, given in value.get("context", {}).items()}
    return Request(value["action"], value["resource"], value.get("principal"), context)


@pytest.mark.parametrize(("case"), [case for _, case in ALL], ids=[f"{stem}: {case['name']}" for stem, case in ALL])
def test_documented_case(case: Json) -> None:
    policy = policy_from_value(case["policy"])
    request = request_of(case["request"])
    decision = decide(policy, request)
    assert (decision.outcome, list(decision.statements)) == (case["outcome"], case["statements"]), case["source"]
    for statement in policy.statements:
        applies = statement_matches(policy, statement, request)
        assert applies == (not mismatches(policy, statement, request))
        if case["outcome"] != "explicit_deny":
            assert applies == (statement.index in decision.statements)


def test_the_table_is_wide() -> None:
    import json

    assert len(ALL) >= 400
    names = [(stem, case["name"]) for stem, case in ALL]
    assert len(names) == len(set(names))
    text = json.dumps([case["policy"] for _, case in ALL]).lower()
    for name in OPERATORS:
        assert f'"{name.lower()}"' in text, f"no case for {name}"
    for qualifier in ("forallvalues:", "foranyvalue:", "ifexists"):
        assert qualifier in text
    assert all(case["source"].startswith("IAM User Guide, ") for _, case in ALL)


@pytest.mark.parametrize("stem", sorted({stem for stem, _ in ALL}))
def test_text_and_value_read_alike(stem: str) -> None:
    import json

    for case in cases(CASES / f"{stem}.jsonl"):
        assert parse_policy(json.dumps(case["policy"], indent=2)) == policy_from_value(case["policy"])
