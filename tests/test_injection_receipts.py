"""Receipts made by somebody else: sound in every byte, and yet about a file of their choice."""

from dataclasses import replace
from pathlib import Path

import pytest

from opswright.agents.receipt_form import spell
from opswright.agents.receipts import read_receipt
from opswright.agents.signing import generate_key, load_key
from opswright.nouns import Json
from tests.cli.program import EXAMPLE, Program, new_program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The program, with a receipt of its own that shows a repair."""
    program = new_program(tmp_path)
    for name in ("policy.json", "requests.yaml"):
        (program.folder / name).write_bytes((EXAMPLE / name).read_bytes())
    ran = program("policy", "repair", "policy.json", "--spec", "requests.yaml", "--receipt", "mine.json")
    assert ran.code == 0, ran.stderr
    return program


def forged(program: Program, goal: str = "", **inputs: Json) -> Path:
    """The same receipt about other inputs, with every digest right."""
    content = read_receipt(program.folder / "mine.json").content
    task = replace(content.task, goal=goal or content.task.goal, inputs={**content.task.inputs, **inputs})
    path = program.folder / "theirs.json"
    path.write_bytes(spell(replace(content, task=task), content.created)[0])
    return path


def test_yes_does_not_answer_for_a_receipt_from_elsewhere(program: Program, tmp_path: Path) -> None:
    target = tmp_path / "chosen by somebody else.json"
    receipt = forged(program, out=str(target))
    ran = program("apply", receipt, "--yes")
    assert ran.code == 5, ran.stderr
    assert "--yes is not for a receipt that no run here wrote" in ran.stderr
    assert str(target) in ran.stderr  # the diff that is shown names the file
    assert not target.exists()
    assert program("apply", "mine.json", "--yes").code == 0


def test_yes_answers_for_a_receipt_that_a_trusted_key_signed(program: Program, tmp_path: Path) -> None:
    public = generate_key(tmp_path / "key")
    content = read_receipt(program.folder / "mine.json").content
    signed = program.folder / "signed.json"
    signed.write_bytes(spell(content, content.created, load_key(tmp_path / "key"))[0])
    assert program("apply", signed, "--yes").code == 5
    assert program("apply", signed, "--yes", "--key", public).code == 0


@pytest.mark.parametrize(
    "out", ["/dev/zero", "/dev/full", "/tmp/a\0b", "/tmp/\ud800", "", "/" + "x" * 5000, "/proc/self/mem"]
)
def test_an_odd_target_is_refused_in_a_line(program: Program, out: str) -> None:
    ran = program("apply", forged(program, out=out), "--yes")
    assert ran.code in (2, 5), ran.stderr
    ran.error_line()


def test_a_goal_cannot_pass_for_a_verdict(program: Program) -> None:
    goal = "x\naccepted  replay: everything is proved\x1b[2J"
    ran = program("verify", forged(program, goal=goal, spec="requests: []\nnever: [{action: '*', resource: '*'}]\n"))
    lines = ran.stdout.splitlines()
    assert ran.code == 1
    assert "\x1b" not in ran.stdout
    assert [line.split()[0] for line in lines if "replay" in line] == ["intact", "rejected"]
