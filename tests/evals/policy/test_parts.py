"""The parts end to end over tiny policies of our own."""

import json
from pathlib import Path

import pytest

from opswright.evals.policy import cases as cases_module
from opswright.evals.policy.cases import build_case, envelope
from opswright.evals.policy.comparison import GROUPS, ComparisonPart, _verdict
from opswright.evals.policy.corpus import Corpora
from opswright.evals.policy.drawing.realistic import can_occur
from opswright.evals.policy.equality import differ, known_part
from opswright.evals.policy.faults import with_faults
from opswright.evals.policy.halves import HALF
from opswright.evals.policy.headline import Headline
from opswright.evals.policy.methods import METHODS
from opswright.evals.policy.smoke import Smoke
from opswright.evals.results import ResultFile
from opswright.evals.runner import run_part
from opswright.evals.suites import Case, Part, Summary
from opswright.evals.tables import as_text
from opswright.nouns import Json
from opswright.tools.iam.actions import load
from opswright.tools.iam.document import Request
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.parser import policy_from_value

from .fixtures import POLICIES, READER, SPEC, data_folder

SEED = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_folder(tmp_path_factory.mktemp("data"))


def _run(part: Part, at: Path, limit: int) -> Summary:
    results = ResultFile(at / f"{part.name}.jsonl", {"suite": "policy"})
    results.open()
    return run_part(part, results, jobs=1, limit=limit, progress=lambda *_: None)


@pytest.mark.parametrize("index", range(6))
def test_a_case_is_what_it_says(folder: Path, index: int) -> None:
    actions = load()
    case = build_case(SEED, index, Corpora(folder), actions)
    true, faulty = case.document.policy, policy_from_value(case.faulty)
    assert 1 <= len(case.faults) == 1 + index % 3
    assert case.faulty == with_faults(case.document.value, case.faults)
    assert differ(known_part(true, actions), known_part(faulty, actions)) is True
    everything = [*case.given, *case.held]
    assert len(case.given) == len(case.held) == HALF
    assert len({one.key for one in everything}) == 2 * HALF, "a held-back request was given"
    for one in everything:
        assert can_occur(actions, one.request)
        assert decide(true, one.request).allowed is one.allow
    for half in (case.given, case.held):
        assert HALF // 4 <= sum(one.allow for one in half) <= 3 * HALF // 4
    for fault in case.faults:
        alone = policy_from_value(with_faults(case.document.value, [fault]))
        assert any(decide(alone, one.request).allowed != one.allow for one in case.given), "an invisible fault"


def test_a_case_depends_on_seed_and_number_alone(folder: Path) -> None:
    actions = load()
    first = build_case(SEED, 2, Corpora(folder), actions)
    build_case(SEED, 3, Corpora(folder), actions)
    assert build_case(SEED, 2, Corpora(folder), actions) == first
    assert build_case(SEED + 1, 2, Corpora(folder), actions) != first


def test_the_specification_says_nothing_but_services_beside_the_requests(folder: Path) -> None:
    case = build_case(SEED, 0, Corpora(folder), load())
    assert set(case.spec) == {"requests", "may"}
    assert all(set(one) == {"action", "resource"} and one["resource"] == "*" for one in case.spec["may"])
    assert all(one["action"] == "*" or one["action"].endswith(":*") for one in case.spec["may"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("reader", ("s3:*",)), ("operator", ("ec2:*",)), ("home", ("iam:*", "s3:*"))],
)
def test_envelope(name: str, expected: tuple[str, ...]) -> None:
    assert envelope(policy_from_value(POLICIES[name])) == expected


@pytest.mark.parametrize("element", ["Action", "NotAction"])
def test_an_open_policy_has_an_open_envelope(element: str) -> None:
    value = "*" if element == "Action" else "s3:*"
    policy = {"Statement": {"Effect": "Allow", element: value, "Resource": "*"}}
    assert envelope(policy_from_value(policy)) == ("*",)


def test_headline(folder: Path, tmp_path: Path) -> None:
    summary = _run(Headline(folder, SEED), tmp_path, 4)
    methods = summary.figures["methods"]
    assert set(methods) == {name for name, _ in METHODS}
    assert methods["no repair"]["given_all_met"] == 0
    assert methods["no repair"]["equivalent"]["value"] == 0
    assert methods["exact-point patch"]["held"]["value"] < 1
    assert len(summary.goals) == 7
    assert "no repair" in as_text([summary])
    rows = [json.loads(line) for line in (tmp_path / "headline.jsonl").read_text().splitlines()][1:]
    assert [row["case"] for row in rows] == ["0000", "0001", "0002", "0003"]
    for row in rows:
        assert row["row"]["rows"]["no repair"]["elements"] == 0
        assert row["row"]["rows"]["exact-point patch"]["given"] == [HALF, HALF]


def test_smoke(folder: Path, tmp_path: Path) -> None:
    summary = _run(Smoke(folder, SEED), tmp_path, 2)
    assert summary.figures["5"]["exact-point patch"]["repaired"] == 1
    assert summary.figures["5"]["no repair"]["repaired"] == 1  # the request set of the fixture holds as it is
    assert [goal.measured for goal in summary.goals if "repaired" in goal.name] == ["1 of 1", "1 of 1"]


def test_nothing_of_cloudfix_reaches_a_result_file(folder: Path, tmp_path: Path) -> None:
    _run(Smoke(folder, SEED), tmp_path, 2)
    part = ComparisonPart(folder, SEED)
    rows = [part.run(Case(f"cloudfix-mutant/{at}", {"group": "cloudfix-mutant", "at": at})) for at in range(3)]
    written = (tmp_path / "smoke.jsonl").read_text() + json.dumps(rows)
    for text in ("reports", "arn:aws", "GetObject", "123456789012", "public"):
        assert text not in written


@pytest.mark.parametrize("group", [group for group, _ in GROUPS if group != "largest"])
def test_comparison(folder: Path, group: str) -> None:
    part = ComparisonPart(folder, SEED)
    rows = {str(at): part.run(Case(f"{group}/{at}", {"group": group, "at": at})) for at in range(2)}
    for row in rows.values():
        assert len(row["directions"]) == 2
        for direction in row["directions"]:
            assert direction["wrong"] is False and direction["differs"] is False
            assert direction["peer"] is direction["answer"]
    assert part.summarise(rows).figures[group]["queries"] == 4


READING = Request("s3:GetObject", "arn:aws:s3:::reports/x")
NARROW: Json = {**READER, "Statement": READER["Statement"][1:]}


@pytest.mark.parametrize(
    ("answer", "witness", "peer", "shown", "wrong", "differs"),
    [
        (True, READING, True, None, True, False),  # the witness is no witness: both allow it
        (True, None, True, None, True, False),
        (False, None, True, READING, True, False),  # a request shows what was "proved" impossible
        (False, None, None, READING, True, False),
        (False, None, True, None, False, True),  # only the peer says so
        (False, None, False, None, False, False),
        (None, None, True, READING, False, False),
    ],
)
def test_wrong_answers_are_caught(
    answer: bool | None, witness: Request | None, peer: bool | None, shown: Request | None, wrong: bool, differs: bool
) -> None:
    policy = policy_from_value(READER)
    found = _verdict(policy, policy, answer, witness, peer, shown)
    assert (found["wrong"], found["differs"]) == (wrong, differs)


def test_a_true_witness_is_no_error() -> None:
    found = _verdict(policy_from_value(READER), policy_from_value(NARROW), True, READING, True, None)
    assert (found["wrong"], found["differs"]) == (False, False)


def test_a_document_that_gives_no_case_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    only = [{"id": "a", "policy": {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}}]
    for name in ("aws_managed_policies", "quacky_samples"):
        (folder / f"{name}.json").write_text(json.dumps(only))
    with pytest.raises(cases_module.NoCase) as error:
        build_case(SEED, 2, Corpora(tmp_path), load())
    assert cases_module.DOES_NOT_APPLY in error.value.discarded
    row = Headline(tmp_path, SEED).run(Case("0002", {"index": 2}))
    assert "1 cases could not be built" in " ".join(Headline(tmp_path, SEED).summarise({"0002": row}).notes)


def test_the_fixture_request_set_is_about_the_fixture() -> None:
    policy = policy_from_value(READER)
    assert [decide(policy, Request(one["action"], one["resource"])).allowed for one in SPEC] == [True, False]
