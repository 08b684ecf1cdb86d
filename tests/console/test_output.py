"""What reaches the terminal: exit codes by status, escapes, colours, the cost line."""

import json

import click
import pytest

from opswright.console import Failure, Format, Progress, Reply, Status, diff_text, emit, good, visible
from opswright.console.output import cost_line
from opswright.console.text import inline, screen
from opswright.errors import ApprovalNeeded, BudgetSpent, Exit, InputError, StoreFailed
from opswright.nouns import Usage


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.DONE, 0),
        (Status.ACCEPTED, 0),
        (Status.FOUND, 1),
        (Status.REJECTED, 1),
        (Status.UNDECIDED, 3),
        (Status.BUDGET, 4),
        (Status.APPROVAL, 5),
        (Status.ERROR, 70),
    ],
)
def test_status_decides_the_exit_code(status: Status, code: int) -> None:
    assert Reply(status).exit_code == code


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InputError("no such file", "a.json"), Status.ERROR, Exit.INPUT),
        (BudgetSpent("spent"), Status.BUDGET, Exit.BUDGET),
        (ApprovalNeeded("ask", "ab" * 32), Status.APPROVAL, Exit.APPROVAL),
        (StoreFailed("full"), Status.ERROR, Exit.ENVIRONMENT),
    ],
)
def test_errors_of_ours_keep_their_code(error: Exception, status: Status, code: Exit) -> None:
    failure = Failure.of(error)  # type: ignore[arg-type]
    assert (failure.status, failure.exit_code) == (status, code)
    assert Reply(failure.status, error=failure).envelope("x")["error"]["exit_code"] == code


def test_an_error_message_is_one_line_without_passwords() -> None:
    failure = Failure.of(InputError("cannot reach\n postgresql://me:hunter22@host/db"))
    assert "\n" not in failure.message
    assert "hunter22" not in failure.message


def test_text_of_strangers_cannot_drive_the_terminal() -> None:
    hostile = "ok\x1b]0;title\x07\x1b[2J\x1b[8mhidden\r\u202eevil\u2066\x9b1m"
    shown = screen(good(hostile))
    assert "\x1b" not in shown.replace("\x1b[32m", "").replace("\x1b[0m", "")
    assert not set("\r\x07\u202e\u2066\x9b") & set(shown)
    assert visible("a\tb\nc") == "a\tb\nc"


def test_what_has_no_width_is_shown() -> None:
    unseen = "\xad\u061c\u200b\u2063\u3164\ufe0f\ufeff\U000e0041"
    assert visible(unseen) == r"\xad\u061c\u200b\u2063\u3164\ufe0f\ufeff\U000e0041"
    assert visible("naïve 日本語 عربى 🎉") == "naïve 日本語 عربى 🎉"


def test_a_value_cannot_pass_for_another_line() -> None:
    assert inline("x\n\taccepted  replay: proved") == r"x\n\taccepted  replay: proved"
    shown = diff_text('{"Sid": "x"}\n', '{"Sid": "x\u2028+ \x85+ \x0c+ forged"}\n', "policy.json")
    assert [line for line in shown.split("\n") if "forged" in line] == [
        click.style('+{"Sid": "x\\u2028+ \\x85+ \\x0c+ forged"}', fg="green")
    ]
    assert len(shown.splitlines()) == 5


def test_a_lone_surrogate_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    emit(Reply(Status.DONE, {"x": "\ud800"}, "bad \ud800"), "x", Format.TEXT)
    emit(Reply(Status.DONE, {"x": "\ud800"}), "x", Format.JSON)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bad \\ud800"
    assert json.loads(lines[1])["result"] == {"x": "\ud800"}


def test_no_colour_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    emit(Reply(Status.DONE, text=diff_text("a\nb\n", "a\nc\n", "f.json")), "x", Format.TEXT)
    assert capsys.readouterr().out == "--- a/f.json\n+++ b/f.json\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"


def test_json_is_one_object_and_cost_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    usage = Usage(tokens_in=1200, tokens_out=34, cost_usd=0.0125, seconds=2.5, calls=1)
    emit(Reply(Status.ACCEPTED, {"a": 1}, "text", usage, ["/r.json"], tier="low"), "policy repair", Format.JSON)
    captured = capsys.readouterr()
    envelope = json.loads(captured.out)
    assert envelope["usage"]["tokens"] == 1234
    assert envelope["receipts"] == ["/r.json"]
    assert captured.err.splitlines() == [
        "cost: low tier, 1 model call, 1,234 tokens, $0.0125, 2.50 s",
        "receipt: /r.json",
    ]


def test_the_cost_line_says_what_is_an_estimate() -> None:
    assert cost_line(Usage(seconds=0.1), "solver") == "cost: solver tier, no model called, 0 tokens, $0.0000, 0.10 s"
    assert "about 10 tokens (4 cached)" in cost_line(Usage(10, 0, 4, calls=2, estimated=True), "")


def test_progress_is_events_with_stream_json(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(Format.STREAM_JSON, "x")("proposing", tier="solver")
    Progress(Format.JSON, "x")("proposing\nagain")
    captured = capsys.readouterr()
    event = json.loads(captured.out)
    assert (event["event"], event["message"], event["tier"]) == ("progress", "proposing", "solver")
    assert captured.err == "proposing again\n"


def test_the_approval_to_give_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure.of(ApprovalNeeded("asks", "ab" * 32))
    emit(Reply(failure.status, error=failure), "x", Format.TEXT)
    assert f"opswright approve {'ab' * 32}" in capsys.readouterr().err
