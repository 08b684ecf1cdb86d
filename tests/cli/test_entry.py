"""One envelope, one line, one exit code, whatever happens."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from opswright.cli.entry import requested_format
from opswright.console import Format
from tests.cli.program import Program


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["doctor"], Format.TEXT),
        (["doctor", "--json"], Format.JSON),
        (["--output-format", "stream-json", "doctor"], Format.STREAM_JSON),
        (["doctor", "--output-format=json"], Format.JSON),
        (["doctor", "--output-format", "xml"], Format.TEXT),
        (["doctor", "--", "--json"], Format.TEXT),
    ],
)
def test_the_format_is_known_before_the_arguments_parse(arguments: list[str], expected: Format) -> None:
    assert requested_format(arguments) is expected


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["--nonsense"], ["doctor", "--tier", "huge"], ["undo", "1", "--all"]]
)
def test_a_usage_error_is_an_envelope_too(program: Program, arguments: list[str]) -> None:
    ran = program(*arguments, "--json")
    assert ran.code == 2
    envelope = ran.envelope()
    assert envelope["status"] == "error"
    assert envelope["error"]["kind"] == "UsageError"
    assert "--help" in envelope["error"]["message"]
    ran.error_line()


def test_a_usage_error_names_its_command(program: Program) -> None:
    envelope = program("sessions", "list", "--limit", "none", "--json").envelope()
    assert envelope["command"] == "sessions list"


def test_a_suggestion_ends_as_the_question_it_is(program: Program) -> None:
    assert "Did you mean 'diff'? `opswright policy --help`" in program("policy", "dif").error_line()


@pytest.mark.parametrize("group", ["policy", "sessions", "eval"])
def test_a_group_alone_says_what_it_has(program: Program, group: str) -> None:
    ran = program(group)
    assert ran.code == 2
    assert ran.error_line().startswith("error: which command? There is ")
    assert len(ran.stderr.splitlines()) == 1


def test_shared_options_count_before_and_after_the_command(program: Program) -> None:
    before = program("--json", "--max-usd", "0.5", "config").envelope()
    after = program("config", "--max-usd", "0.5", "--json").envelope()
    assert before == after
    assert before["result"]["budget.usd"] == {"value": 0.5, "source": "flag --max-usd"}


def test_the_nearer_format_wins(program: Program) -> None:
    ran = program("--json", "config", "--output-format", "text")
    assert ran.stdout.startswith("setting")


def test_output_that_nobody_reads_is_not_an_error(program: Program) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ran = program("config", stdout=writer)
    finally:
        os.close(writer)
    assert (ran.code, ran.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_cannot_be_written_is(program: Program) -> None:
    with Path("/dev/full").open("w") as full:
        ran = program("config", "--json", stdout=full)
    assert ran.code == 6
    assert "No space left" in ran.error_line()


@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_is_no_bug(program: Program, closed: int) -> None:
    ran = program("config", before=lambda: os.close(closed))
    assert ran.code == 0
    assert ran.stderr == ""


_BUG = """
import sys
from opswright.cli import entry, root
def boom(*_, **__):
    key = "s3cret-value-of-the-key"
    raise RuntimeError(f"cannot use {key} of postgresql://user:hunter22@db/x")
root._OWN[:] = [("boom", "opswright.cli.boom:command", "Breaks.")]
import types, click
module = types.ModuleType("opswright.cli.boom")
module.command = click.command()(boom)
sys.modules["opswright.cli.boom"] = module
entry.main()
"""


@pytest.mark.parametrize("json_wanted", [False, True])
def test_a_bug_leaves_a_report_without_secrets(program: Program, json_wanted: bool) -> None:
    arguments = ["boom", *(["--json"] if json_wanted else [])]
    environment = {**program.environment, "OPENAI_API_KEY": "s3cret-value-of-the-key"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", _BUG, *(["--json"] if json_wanted else []), "boom"],
        env=environment, cwd=program.folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert arguments and done.returncode == 70, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    (report,) = (program.state / "reports").iterdir()
    assert str(report) in done.stderr
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "RuntimeError" in text and "in boom" in text
    for secret in ("s3cret-value-of-the-key", "hunter22"):
        assert secret not in text + done.stderr + done.stdout


_SLOW = """
import os, signal, sys
from opswright.cli import entry, root
import types, click
module = types.ModuleType("opswright.cli.slow")
module.command = click.command()(lambda: os.kill(os.getpid(), signal.SIGNAL))
sys.modules["opswright.cli.slow"] = module
root._OWN[:] = [("slow", "opswright.cli.slow:command", "Waits.")]
entry.main()
"""


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM"])
def test_an_interrupt_ends_with_130(program: Program, signal: str) -> None:
    slow = _SLOW.replace("SIGNAL", signal)
    done = subprocess.run(
        [sys.executable, "-P", "-c", slow, "slow", "--json"],
        env=program.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    done_again = subprocess.run(
        [sys.executable, "-P", "-c", slow, "--json", "slow"],
        env=program.environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2  # the stand-in takes no shared options
    assert done_again.returncode == 130
    assert done_again.stderr.startswith("interrupted: ")
    assert "Traceback" not in done_again.stderr
