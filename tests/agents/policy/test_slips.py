"""`--generalise` finds the slip: a table of faulty policies, requests, and what must come out."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from opswright.agents.policy.repair import Options, repair
from opswright.nouns import Outcome
from tests.agents.policy.samples import EVERYTHING, policy, spec

SLIPS = yaml.safe_load((Path(__file__).parent / "slips.yaml").read_text())


@pytest.mark.parametrize("case", SLIPS, ids=[case["name"] for case in SLIPS])
def test_the_slip_is_put_right(case: dict[str, Any]) -> None:
    asked = spec(case["allow"], case["deny"], may=case.get("may", EVERYTHING))
    found = repair(policy(*case["policy"]), asked, Options(generalise=True))
    assert found.outcome is Outcome.ACCEPTED
    assert found.best is not None
    assert found.best.value["Statement"] == case["after"], found.best.notes


@pytest.mark.parametrize("case", SLIPS, ids=[case["name"] for case in SLIPS])
def test_strict_repair_of_the_same_never_widens(case: dict[str, Any]) -> None:
    found = repair(policy(*case["policy"]), spec(case["allow"], case["deny"]))
    assert found.outcome is Outcome.ACCEPTED
    assert found.best is not None
    assert found.best.judgement.widened is False
    assert not found.best.judgement.failing


def test_what_is_right_already_is_left_alone() -> None:
    case = SLIPS[0]
    found = repair(policy(*case["after"]), spec(case["allow"], case["deny"]), Options(generalise=True))
    assert found.best is not None
    assert found.best.value["Statement"] == case["after"]
    assert (found.changes.statements, found.changes.elements) == (0, 0)
