"""`opswright policy ...` as a person and a program meet it."""

import json
from pathlib import Path

import pytest

from tests.agents.policy.samples import allow, deny, document
from tests.cli.program import Program, new_program

FAULTY = document(allow(["s3:GetObjcet", "s3:ListBucket"], ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]))
SPEC = """\
requests:
  - {id: read, effect: allow, action: "s3:GetObject", resource: "arn:aws:s3:::b/x"}
  - {id: write, effect: deny, action: "s3:PutObject", resource: "arn:aws:s3:::b/x"}
never:
  - "s3:Delete*"
may:
  - {action: "s3:*", resource: ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]}
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (found := new_program(tmp_path)).folder.mkdir(exist_ok=True)
    (found.folder / "policy.json").write_text(json.dumps(FAULTY, indent=4) + "\n")
    (found.folder / "spec.yaml").write_text(SPEC)
    return found


def repair(program: Program, *more: str) -> tuple[str, ...]:
    return ("policy", "repair", "policy.json", "--spec", "spec.yaml", *more)


def test_diff_finds_new_access_with_a_witness(program: Program) -> None:
    (program.folder / "new.json").write_text(json.dumps(document(allow("s3:*", "*"))))
    ran = program("policy", "diff", "policy.json", "new.json", "--json")
    assert ran.code == 1
    result = ran.envelope()["result"]
    assert set(result) == {"new_access", "witness", "reason", "seconds"}
    assert result["new_access"] is True
    assert set(result["witness"]) >= {"action", "resource"}
    back = program("policy", "diff", "new.json", "policy.json", "--json")
    assert back.code == 0
    assert back.envelope()["status"] == "done"
    assert back.envelope()["result"]["witness"] is None


def test_diff_says_it_in_words(program: Program) -> None:
    (program.folder / "new.json").write_text(json.dumps(document(allow("s3:*", "*"))))
    ran = program("policy", "diff", "policy.json", "new.json")
    assert "new access: new.json allows what policy.json does not, such as" in ran.stdout
    assert "    action     s3:" in ran.stdout
    assert "proved: policy.json allows nothing that" in program("policy", "diff", "policy.json", "policy.json").stdout


def test_check_names_the_request_and_the_statement_at_fault(program: Program) -> None:
    ran = program("policy", "check", "policy.json", "--spec", "spec.yaml", "--json")
    assert ran.code == 1
    envelope = ran.envelope()
    assert envelope["status"] == "found"
    (failing,) = envelope["result"]["failing"]
    assert failing["id"] == "read"
    assert failing["nearest"] == [{"statement": 1, "mismatch": ["Action"]}]
    assert [bound["holds"] for bound in envelope["result"]["bounds"]] == [True]


def test_check_shows_what_breaks_a_bound(program: Program) -> None:
    (program.folder / "policy.json").write_text(json.dumps(document(allow("s3:*", "arn:aws:s3:::b/*"))))
    ran = program("policy", "check", "policy.json", "--spec", "spec.yaml")
    assert ran.code == 1
    assert "refuted" in ran.stdout
    assert "action     s3:Delete" in ran.stdout
    assert "allowed by statement 1" in ran.stdout


def test_check_is_content_with_a_repaired_policy(program: Program) -> None:
    assert program(*repair(program, "-o", "new.json", "--generalise", "--yes")).code == 0
    ran = program("policy", "check", "new.json", "--spec", "spec.yaml", "--json")
    assert ran.code == 0
    assert ran.envelope()["result"]["holds"] is True


def test_repair_prints_diff_proof_and_cost_and_writes_nothing(program: Program) -> None:
    before = (program.folder / "policy.json").read_bytes()
    ran = program(*repair(program))
    assert ran.code == 0
    assert '+            "Action": "s3:GetObject",' in ran.stdout
    assert "proved: nothing beyond the original and the specification" in ran.stdout
    assert "nothing was written" in ran.stdout
    assert "cost: solver tier, no model called" in ran.stderr
    assert (program.folder / "policy.json").read_bytes() == before


def test_repair_s_envelope(program: Program) -> None:
    ran = program(*repair(program, "--generalise", "--json"))
    assert ran.code == 0
    envelope = ran.envelope()
    assert (envelope["command"], envelope["status"]) == ("policy repair", "accepted")
    result = envelope["result"]
    assert result["tier"] == "solver"
    assert result["requests"] == {"total": 2, "satisfied": 2}
    assert result["widened"] is True
    assert result["witness"]["action"] == "s3:GetObject"
    assert result["edits"] == {"statements": 1, "elements": 1}
    assert (result["tokens"], result["cost_usd"]) == (0, 0.0)
    assert result["seconds"] > 0
    assert result["policy"]["Statement"][0]["Action"] == ["s3:GetObject", "s3:ListBucket"]
    assert result["new_access"][0]["example"]["resource"].startswith("arn:aws:s3:::b")


def test_repair_in_place_keeps_the_layout(program: Program) -> None:
    ran = program(*repair(program, "--in-place", "--generalise", "--yes"))
    assert ran.code == 0
    expected = json.dumps(FAULTY, indent=4).replace("GetObjcet", "GetObject") + "\n"
    assert (program.folder / "policy.json").read_text() == expected
    again = program(*repair(program, "--in-place", "--generalise", "--yes"))
    assert "meets the specification as it is" in again.stdout


def test_a_receipt_is_verified_applied_and_undone(program: Program) -> None:
    before = (program.folder / "policy.json").read_text()
    assert program(*repair(program, "--receipt", "r.json")).code == 0
    assert program("verify", "r.json").code == 0
    assert program("apply", "r.json", "--yes").code == 0
    assert (program.folder / "policy.json").read_text() != before
    altered = (program.folder / "r.json").read_text().replace("s3:GetObject", "s3:GetBucket")
    (program.folder / "r.json").write_text(altered)
    assert program("verify", "r.json").code == 2


@pytest.mark.parametrize(
    "spec, code, message",
    [
        ("requests: [", 2, "spec.yaml:"),
        (
            "requests:\n - {effect: allow, action: a:B, resource: r}\n - {effect: deny, action: a:b, resource: r}",
            2,
            "contradicts itself",
        ),
        ("may: []", 2, "asks for nothing"),
    ],
)
def test_a_bad_specification_is_one_line(program: Program, spec: str, code: int, message: str) -> None:
    (program.folder / "spec.yaml").write_text(spec)
    for command in ("repair", "check"):
        ran = program("policy", command, "policy.json", "--spec", "spec.yaml")
        assert ran.code == code
        assert message in ran.error_line()
    assert "spec.yaml" in ran.error_line()


def test_two_targets_are_one_too_many(program: Program) -> None:
    ran = program(*repair(program, "-o", "x.json", "--in-place"))
    assert ran.code == 2
    assert "either -o or --in-place" in ran.error_line()


def test_what_cannot_be_met_ends_without_a_repair(program: Program) -> None:
    named = {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}
    (program.folder / "policy.json").write_text(json.dumps(document({**deny("s3:*", "*"), **named})))
    ran = program(*repair(program, "--json"))
    assert ran.code == 1
    assert ran.envelope()["result"]["policy"] is None
    assert ran.envelope()["result"]["wrong"][0]["id"] == "read"


def test_explain_says_what_it_does_and_what_is_odd(program: Program) -> None:
    ran = program("policy", "explain", "policy.json")
    assert ran.code == 0
    assert "statement 1" in ran.stdout
    assert "did you mean s3:GetObject?" in ran.stdout


def test_a_request_in_words_finds_policy_and_specification(program: Program) -> None:
    ran = program("-p", "Why can nobody read the bucket? Repair it", "--file", "spec.yaml", "--file", "policy.json")
    assert ran.code == 0
    assert "policy: accepted (solver tier)" in ran.stdout
    assert "requests: 2 of 2 are met" in ran.stdout
