"""A person's way through approvals, receipts and undo, with the real program and real files."""

import fcntl
import json
import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.program import TIMEOUT_S, Program

FAULTY = """{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b"}
  ]
}
"""
SPEC = 'requests:\n  - {id: read, effect: allow, action: "s3:GetObject", resource: "arn:aws:s3:::b/x"}\n'


@pytest.fixture
def work(program: Program) -> Path:
    """The working folder with a faulty policy and its spec."""
    (program.folder / "policy.json").write_text(FAULTY)
    (program.folder / "spec.yaml").write_text(SPEC)
    return program.folder


REPAIR = ("policy", "repair", "policy.json", "--spec", "spec.yaml")


def test_without_a_terminal_it_stops_with_5_and_goes_on_when_approved(program: Program, work: Path) -> None:
    (work / "out.json").write_text("an older repair\n")
    waiting = program(*REPAIR, "-o", "out.json", "--json")
    assert waiting.code == 5
    error = waiting.envelope()["error"]
    assert (work / "out.json").read_text() == "an older repair\n"
    run = error["message"].rpartition("--resume ")[2]
    assert program("--resume", run).code == 5  # nobody has approved it yet
    shown = program("approve", error["action_hash"][:12], "--dry-run", "--json").envelope()["result"]
    assert shown["answer"] == "waiting" and "+" in shown["action"]["preview"]
    approved = program("approve", error["action_hash"][:12], "--json").envelope()
    assert approved["result"]["run"] == run
    assert program("--resume", run).code == 0
    written = (work / "out.json").read_text()
    assert json.loads(written)["Statement"]
    assert program("--resume", run, "--json").envelope()["status"] == "accepted"
    assert (work / "out.json").read_text() == written


def test_a_new_file_that_is_named_is_written_at_once_and_can_be_undone(program: Program, work: Path) -> None:
    assert program(*REPAIR, "-o", "out.json").code == 0
    assert json.loads((work / "out.json").read_text())["Statement"]
    assert (work / "policy.json").read_text() == FAULTY
    (work / "link.json").symlink_to("policy.json")  # a link that leads somewhere exists
    assert program(*REPAIR, "-o", "link.json").code == 5
    assert (work / "policy.json").read_text() == FAULTY


def test_what_a_person_refuses_is_not_done(program: Program, work: Path) -> None:
    error = program(*REPAIR, "--in-place", "--json").envelope()["error"]
    assert program("approve", error["action_hash"], "--refuse").code == 0
    assert program("--resume", error["message"].rpartition("--resume ")[2]).code == 5
    assert (work / "policy.json").read_text() == FAULTY


def test_yes_writes_and_undo_takes_it_back(program: Program, work: Path) -> None:
    assert program(*REPAIR, "--in-place", "--yes").code == 0
    assert (work / "policy.json").read_text() != FAULTY
    (standing,) = program("undo", "--json").envelope()["result"]["standing"]
    assert standing["state"] == "adopted"
    assert program("undo", "--all", "--json").envelope()["result"] == {"undone": []}  # adopted changes stay
    assert program("undo", str(standing["id"]), "--dry-run").code == 0
    assert (work / "policy.json").read_text() != FAULTY
    assert program("undo", str(standing["id"])).code == 0
    assert (work / "policy.json").read_text() == FAULTY
    assert program("undo", "--json").envelope()["result"] == {"standing": []}


def test_undo_does_not_throw_away_what_somebody_wrote_since(program: Program, work: Path) -> None:
    assert program(*REPAIR, "--in-place", "--yes").code == 0
    (standing,) = program("undo", "--json").envelope()["result"]["standing"]
    (work / "policy.json").write_text("somebody's later work")
    ran = program("undo", str(standing["id"]))
    assert ran.code != 0
    ran.error_line()
    assert (work / "policy.json").read_text() == "somebody's later work"
    assert program("undo", str(standing["id"]), "--force").code == 0
    assert (work / "policy.json").read_text() == FAULTY


def test_a_dry_run_changes_nothing(program: Program, work: Path) -> None:
    ran = program(*REPAIR, "--in-place", "--yes", "--dry-run")
    assert ran.code == 0, ran.stderr
    assert (work / "policy.json").read_text() == FAULTY


def test_a_receipt_is_verified_applied_and_taken_back(program: Program, work: Path) -> None:
    assert program(*REPAIR, "--receipt", "r.json").code == 0
    assert (work / "policy.json").read_text() == FAULTY
    verified = program("verify", "r.json", "--json").envelope()
    assert (verified["status"], verified["result"]["replay"]["outcome"]) == ("accepted", "accepted")
    planned = program("apply", "r.json", "--dry-run", "--json").envelope()["result"]["planned"]
    assert len(planned) == 1 and (work / "policy.json").read_text() == FAULTY
    asked = program("apply", "r.json", "--json")
    assert asked.code == 5
    assert (work / "policy.json").read_text() == FAULTY
    assert program("approve", asked.envelope()["error"]["action_hash"]).code == 0
    applied = program("apply", "r.json", "--json").envelope()["result"]
    assert applied["applied"] is True
    assert (work / "policy.json").read_text() != FAULTY
    assert program("apply", "r.json", "--json").envelope()["result"]["already"] is True
    assert program("undo", str(applied["undo"][0])).code == 0
    assert (work / "policy.json").read_text() == FAULTY


def test_sessions_show_what_happened(program: Program, work: Path) -> None:
    assert program("sessions", "list").stdout == "no run yet\n"
    assert program(*REPAIR).code == 0
    (session,) = program("sessions", "list", "--json").envelope()["result"]["sessions"]
    steps = program("sessions", "show", session["run"], "--json").envelope()["result"]["steps"]
    assert {"run", "plan", "outcome", "run.ended"} <= {step["kind"] for step in steps}
    assert program("sessions", "show", "nothing").code == 2


def at_a_terminal(program: Program, answer: bytes, *arguments: str, **variables: str) -> tuple[int, str]:
    """Runs the program at a terminal of its own; types the answer when it is asked."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "opswright.cli", *arguments],
        cwd=program.folder,
        env={**program.environment, "TERM": "xterm", **variables},
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # its own terminal: Ctrl-C is a signal there
    )
    os.close(follower)
    shown = b""
    try:
        while b"[y/N]" not in shown and (piece := _read(leader)):
            shown += piece
        os.write(leader, answer)
        while piece := _read(leader):
            shown += piece
        return process.wait(TIMEOUT_S), shown.decode()
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def _read(leader: int) -> bytes:
    ready, _, _ = select.select([leader], [], [], TIMEOUT_S)
    assert ready, "the program neither prints nor ends"
    try:
        return os.read(leader, 4096)
    except OSError:  # the other end is closed: the program ended
        return b""


def test_at_a_terminal_the_diff_is_shown_and_yes_does_it(program: Program, work: Path) -> None:
    code, shown = at_a_terminal(program, b"y\n", *REPAIR, "--in-place")
    assert code == 0, shown
    assert (work / "policy.json").read_text() != FAULTY
    question = shown.index("[y/N]")
    assert "arn:aws:s3:::b/x" in shown[:question]
    assert "\x1b[32m" in shown


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"yep\n", b"\x04"])
def test_at_a_terminal_anything_else_is_a_no(program: Program, work: Path, answer: bytes) -> None:
    code, shown = at_a_terminal(program, answer, *REPAIR, "--in-place")
    assert code == 5, shown
    assert "Traceback" not in shown
    assert (work / "policy.json").read_text() == FAULTY


def test_ctrl_c_at_the_question_leaves_the_run_to_be_resumed(program: Program, work: Path) -> None:
    code, shown = at_a_terminal(program, b"\x03", *REPAIR, "--in-place")
    assert code == 130, shown
    assert "Traceback" not in shown
    (session,) = program("sessions", "list", "--json").envelope()["result"]["sessions"]
    assert program("--resume", session["run"], "--yes").code == 0
    assert (work / "policy.json").read_text() != FAULTY


def test_no_color_is_honoured(program: Program, work: Path) -> None:
    _, shown = at_a_terminal(program, b"n\n", *REPAIR, "--in-place", NO_COLOR="1")
    assert "\x1b[" not in shown
