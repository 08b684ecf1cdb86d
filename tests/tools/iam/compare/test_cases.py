"""Pairs with known answers, both ways round, over every feature of the language."""

from pathlib import Path

import pytest

from opswright.nouns import Json
from opswright.tools.iam.compare import new_access
from opswright.tools.iam.parser import policy_from_value
from tests.tools.iam.compare.drawing import shows
from tests.tools.iam.data import cases

ALL = [(p.stem, case) for p in sorted((Path(__file__).parent / "cases").glob("*.jsonl")) for case in cases(p)]


@pytest.mark.parametrize(("case"), [case for _, case in ALL], ids=[f"{stem}: {case['name']}" for stem, case in ALL])
def test_pair(case: Json) -> None:
    version = case.get("version", "2012-10-17")
    one = policy_from_value({"Version": version, "Statement": case["new"]})
    other = policy_from_value({"Version": version, "Statement": case["old"]})
    for new, old, expected in ((one, other, case["forth"]), (other, one, case["back"])):
        found = new_access(new, old, fallback=False)
        assert found.new_access is expected, found.reason
        assert (found.witness is not None) == expected
        assert found.witness is None or shows(found.witness, new, [old])
        assert found.engine == "glob"


def test_the_table_is_wide() -> None:
    assert len(ALL) >= 130
    assert len({(stem, case["name"]) for stem, case in ALL}) == len(ALL)
    answers = [case[way] for _, case in ALL for way in ("forth", "back")]
    assert min(answers.count(True), answers.count(False)) >= 100
