"""`opswright sessions` and piped input, with the real program."""

import json
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.chat.conftest import chat, toys
from tests.cli.chat.terminal import CTRL_D
from tests.cli.program import EXAMPLE, TIMEOUT_S, Program, new_program

__all__ = ["chat", "toys"]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The real program with an empty home and the example's files."""
    made = new_program(tmp_path)
    for name in ("policy.json", "requests.yaml"):
        shutil.copy(EXAMPLE / name, made.folder)
    return made


ASK = ("-p", "Repair the policy of the reports bucket", "--file", "policy.json", "--file", "requests.yaml")


def listed(program: Program, *more: str) -> list[dict[str, Any]]:
    """What `sessions list` says."""
    found: list[dict[str, Any]] = program("sessions", "list", *more, "--json").envelope()["result"]["sessions"]
    return found


def test_single_requests_and_commands_are_listed_shown_and_exported(program: Program) -> None:
    assert program(*ASK).code == 0
    assert program("policy", "repair", "policy.json", "--spec", "requests.yaml").code == 0
    command, request = listed(program)
    assert (request["title"], request["kind"], request["turns"]) == (ASK[1], "run", 1)
    assert command["title"] == "Repair policy.json so that it meets requests.yaml"
    assert [one["status"] for one in (command, request)] == ["accepted", "accepted"]
    assert listed(program, "--limit", "1") == [command]
    text = program("sessions", "show", request["id"]).stdout
    assert f"> {ASK[1]}" in text and "policy: accepted" in text and "run.ended" in text
    lines = program("sessions", "export", request["id"]).stdout.splitlines()
    head, turn = (json.loads(line) for line in lines)
    assert head["schema"] == "opswright/session/1" and turn["request"] == ASK[1] and "texts" not in turn
    out = program.folder / "session.md"
    assert program("sessions", "export", request["id"], "-o", "session.md", "--with-files").code == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "# Repair the policy" in out.read_text() and "acme-reports" in out.read_text()
    assert program("sessions", "export", request["id"], "-o", "session.md").code == 2
    assert program("sessions", "export", "nothing").code == 2
    assert program("sessions", "show", "nothing").code == 2


def test_a_single_request_is_deleted(program: Program) -> None:
    assert program(*ASK).code == 0
    (one,) = listed(program)
    dry = program("sessions", "delete", one["id"], "--dry-run", "--json").envelope()["result"]
    assert dry["runs"] == [one["id"]] and len(listed(program)) == 1
    assert program("sessions", "delete", one["id"]).code == 0
    assert listed(program) == []
    assert not any(b"acme-reports" in path.read_bytes() for path in program.state.rglob("*") if path.is_file())
    assert "deleted on" in program("sessions", "show", one["id"]).stdout
    assert program("sessions", "export", one["id"]).code == 2
    assert "was deleted already" in program("sessions", "delete", one["id"]).error_line()
    unknown = program("sessions", "delete", "nothing")
    assert "there is no such session" in unknown.error_line() and "deleting" not in unknown.stderr


def test_a_chat_is_shown_exported_and_deleted_with_its_history(program: Program, toys: Any) -> None:
    (program.folder / "a.txt").write_text("kumquat-9921")
    with toys("--yes") as terminal:
        terminal.say("loom write out.txt @a.txt")
        terminal.shown("loom: accepted")
        terminal.say("anvil it")
        terminal.shown("anvil: accepted")
        terminal.prompted()
        terminal.press(CTRL_D)
        terminal.code()
    (session,) = listed(program)
    assert (session["kind"], session["turns"], session["title"]) == ("chat", 2, "loom write out.txt a.txt")
    text = program("sessions", "show", session["id"]).stdout
    assert "1 > loom write out.txt a.txt" in text and "2 > anvil it" in text and "carried over: files a.txt" in text
    exported = program("sessions", "export", session["id"], "--with-files").stdout.splitlines()
    assert [json.loads(line).get("number") for line in exported] == [None, 1, 2]
    assert json.loads(exported[1])["texts"] == {"a.txt": "kumquat-9921"}
    refused = program("sessions", "delete", session["id"])
    assert refused.code == 2 and "still stands" in refused.error_line()
    assert program("sessions", "delete", session["id"], "--standing", "forget").code == 0
    left = [path for path in program.state.rglob("*") if path.is_file()]
    assert not any(word in path.read_bytes() for path in left for word in (b"kumquat-9921", b"anvil it", b"out.txt"))
    assert "was deleted" in program("--resume", session["id"]).error_line()
    assert program("-c").code == 2


def test_the_list_does_not_read_what_it_does_not_show(program: Program) -> None:
    assert program(*ASK).code == 0
    with closing(sqlite3.connect(program.state / "journal.sqlite3")) as journal, journal:
        # A record that nobody can read: whoever goes through the whole journal trips over it.
        journal.execute(
            "INSERT INTO records (at, kind, run, task, payload) VALUES (1, 'task', 'other', 't1', '{broken')"
        )
    assert len(listed(program)) == 1
    assert program("sessions", "show", "other").code == 6


def test_a_turn_that_waited_goes_on_outside_and_counts_for_its_session(program: Program, toys: Any) -> None:
    with toys() as terminal:
        terminal.say("policy: repair the bucket policy @policy.json")  # its specification is missing
        terminal.shown("name the file with the specification")
        terminal.prompted()
        terminal.press(CTRL_D)
        terminal.code()
    (session,) = listed(program)
    again = program("--resume", session["run"], "--json").envelope()
    assert again["status"] == "error"
    assert len(listed(program)) == 1 and listed(program)[0]["turns"] == 1


def piped(program: Program, text: bytes | None, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """The program with this on its standard input; None leaves the pipe open and silent."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "opswright.cli", *arguments],
        cwd=program.folder,
        env=dict(program.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    try:
        if text is not None:
            out, err = process.communicate(text, timeout=TIMEOUT_S)
        else:
            out, err = process.stdout.read(), process.stderr.read()
        return subprocess.CompletedProcess(arguments, process.wait(TIMEOUT_S), out, err)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()


def test_piped_input_is_a_file_of_the_request(program: Program) -> None:
    text = (program.folder / "policy.json").read_bytes()
    done = piped(program, text, "-p", "Repair this policy", "--file", "requests.yaml", "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["status"]) == (0, "accepted")
    assert "+++ b/stdin" in result["result"]["diff"]
    explicit = piped(program, text, "-p", "Repair this policy", "--file", "-", "--file", "requests.yaml")
    assert explicit.returncode == 0


@pytest.mark.parametrize(
    ("text", "arguments", "code", "says"),
    [
        (b"some text", (), 2, b'opswright -p "REQUEST" reads it as a file'),
        (b"\xff\xfe", ("-p", "Repair this policy"), 2, b"stdin: is not UTF-8 text"),
        (b"x" * (8 * 1024 * 1024 + 1), ("-p", "Repair this policy"), 2, b"stdin: is larger than 8 MiB"),
        (None, ("-p", "Repair this policy"), 2, b"nothing came from standard input within 3 s"),
        (b"", ("-p", "Repair this policy"), 2, b"name the file with the policy"),
    ],
)
def test_what_is_piped_is_read_with_limits_and_never_waited_for(
    program: Program, text: bytes | None, arguments: tuple[str, ...], code: int, says: bytes
) -> None:
    done = piped(program, text, *arguments)
    assert done.returncode == code and says in done.stderr, done.stderr
    assert b"Traceback" not in done.stderr
