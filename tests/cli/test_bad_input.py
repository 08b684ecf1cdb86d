"""Bad input, end to end: one line that says what to do, the right exit code, no traceback, nothing half-written."""

import contextlib
import http.server
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import EXAMPLE, Program, Ran

POLICY = (EXAMPLE / "policy.json").read_text()
SPEC = (EXAMPLE / "requests.yaml").read_text()
SMALL_POLICY = """{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b"}]
}
"""
SMALL_SPEC = 'requests:\n  - {id: read, effect: allow, action: "s3:GetObject", resource: "arn:aws:s3:::b/x"}\n'
CONTRADICTION = """requests:
  - {id: yes please, effect: allow, action: "s3:GetObject", resource: "arn:aws:s3:::b/k"}
  - {id: no thanks, effect: deny, action: "s3:getobject", resource: "arn:aws:s3:::b/k"}
"""
BOTH_FORMATS = pytest.mark.parametrize("json_wanted", [False, True], ids=["text", "json"])


@dataclass(frozen=True)
class Case:
    """A pair of files, and what is to be said of them."""

    policy: str | bytes | None
    spec: str | bytes | None
    says: tuple[str, ...]


CASES = {
    "missing policy": Case(None, SPEC, ("policy.json",)),
    "missing spec": Case(POLICY, None, ("requests.yaml",)),
    "empty policy": Case("", SPEC, ("policy.json", "empty")),
    "empty spec": Case(POLICY, "", ("requests.yaml", "empty")),
    "broken JSON": Case('{\n  "Version": "2012-10-17",\n  "Statement": [}\n}', SPEC, ("policy.json:3:17",)),
    "broken YAML": Case(POLICY, "requests:\n  - {id: a\n  - b: [\n", ("requests.yaml:3:",)),
    "not UTF-8": Case(b'{"Version": "\xff\xfe"}', SPEC, ("policy.json", "UTF-8")),
    "50 MB": Case("sparse", SPEC, ("policy.json", "1 MiB")),
    "unknown operator": Case(POLICY.replace("StringLike", "StringLikeIt"), SPEC, ("policy.json:10:9", "StringLikeIt")),
    "unknown element": Case(POLICY.replace('"Sid": "FindReports"', '"Max": {}', 1), SPEC, ("policy.json:5:7", "Max")),
    "no policy at all": Case("[1, 2]", SPEC, ("policy.json:1:1",)),
    "contradictory spec": Case(POLICY, CONTRADICTION, ("yes please", "no thanks")),
    "unknown part of a spec": Case(POLICY, "request: []\n", ("requests.yaml:1:1", "request")),
}


def write(path: Path, content: str | bytes | None) -> None:
    """The file of a case."""
    if content == "sparse":
        with path.open("wb") as file:
            file.truncate(50 * 1024 * 1024)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file with its size and time, to see that nothing was written."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def check(ran: Ran, code: int, says: tuple[str, ...], json_wanted: bool, kind: str = "") -> None:
    """The code, the one line, and the envelope where it was asked for."""
    assert ran.code == code, ran.stderr + ran.stdout
    line = ran.error_line()
    for part in says:
        assert part in line, line
    if json_wanted:
        envelope = ran.envelope()
        assert envelope["error"]["exit_code"] == code
        assert envelope["error"]["message"] in line.replace("\\", "")
        assert not kind or envelope["error"]["kind"] == kind
    else:
        assert ran.stdout == ""


@BOTH_FORMATS
@pytest.mark.parametrize("name", CASES)
def test_files_that_are_wrong(program: Program, name: str, json_wanted: bool) -> None:
    case = CASES[name]
    write(program.folder / "policy.json", case.policy)
    write(program.folder / "requests.yaml", case.spec)
    before = listing(program.folder)
    arguments = ["policy", "repair", "policy.json", "--spec", "requests.yaml", "-o", "out.json"]
    ran = program(*arguments, *(["--json"] if json_wanted else []))
    check(ran, 2, case.says, json_wanted)
    assert listing(program.folder) == before


@BOTH_FORMATS
def test_a_directory_in_the_place_of_a_file(program: Program, json_wanted: bool) -> None:
    (program.folder / "policy.json").mkdir()
    write(program.folder / "requests.yaml", SPEC)
    arguments = ["policy", "check", "policy.json", "--spec", "requests.yaml"]
    check(program(*arguments, *(["--json"] if json_wanted else [])), 2, ("policy.json", "directory"), json_wanted)


def test_a_named_pipe_is_not_waited_for(program: Program) -> None:
    os.mkfifo(program.folder / "policy.json")
    write(program.folder / "requests.yaml", SPEC)
    assert program("policy", "check", "policy.json", "--spec", "requests.yaml").code == 2


def test_a_request_with_a_missing_file(program: Program) -> None:
    ran = program("-p", "Repair the policy", "--file", "nowhere.json", "--json")
    check(ran, 2, ("nowhere.json",), True)
    assert ran.envelope()["command"] == "request"


def repair(program: Program, *more: str, **values: Any) -> Ran:
    """A repair that would succeed."""
    write(program.folder / "policy.json", SMALL_POLICY)
    write(program.folder / "requests.yaml", SMALL_SPEC)
    return program("policy", "repair", "policy.json", "--spec", "requests.yaml", *more, **values)


@BOTH_FORMATS
def test_a_locked_database(program: Program, json_wanted: bool) -> None:
    assert repair(program).code == 0
    (journal,) = program.state.glob("journal*.sqlite3")
    receipts = listing(program.state / "receipts")
    with contextlib.closing(sqlite3.connect(journal, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        ran = repair(program, *(["--json"] if json_wanted else []))
    check(ran, 6, ("journal", "lock"), json_wanted, "StoreFailed")
    assert listing(program.state / "receipts") == receipts


def test_a_journal_that_is_something_else(program: Program) -> None:
    program.state.mkdir(parents=True)
    (program.state / "journal.sqlite3").write_text("not a database at all, but text\n" * 100)
    check(repair(program), 6, ("journal.sqlite3",), False)
    assert (program.state / "journal.sqlite3").read_text().startswith("not a database")


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A file system of that size."""
    place = folder / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    if mounted:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(place)]
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    if not mounted:
        pytest.skip("a small file system can only be mounted by root; the file size limit is tested instead")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@BOTH_FORMATS
def test_a_full_disk_under_the_state_folder(program: Program, tmp_path: Path, json_wanted: bool) -> None:
    with small_disk(tmp_path, 128 * 1024) as disk:
        ran = repair(
            program,
            "-o",
            "out.json",
            "--yes",
            *(["--json"] if json_wanted else []),
            extra={"OPSWRIGHT_STATE_DIR": str(disk)},
        )
        check(ran, 6, (str(disk),), json_wanted)
        assert not list(disk.rglob("*.tmp"))
    assert not (program.folder / "out.json").exists()


@BOTH_FORMATS
def test_a_full_disk_under_the_result(program: Program, tmp_path: Path, json_wanted: bool) -> None:
    with small_disk(tmp_path, 8 * 1024) as disk:
        (disk / "ballast").write_bytes(b"x" * 4096)
        with contextlib.suppress(OSError):
            (disk / "more").write_bytes(b"x" * 8192)
        before = listing(disk)
        ran = repair(program, "-o", str(disk / "out.json"), "--yes", *(["--json"] if json_wanted else []))
        assert ran.code == 6, ran.stderr
        assert "Traceback" not in ran.stderr
        assert listing(disk) == before


def file_size_limit(size_bytes: int) -> Callable[[], None]:
    """For the child process: no file may grow beyond that."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))

    return limit


@BOTH_FORMATS
def test_a_file_that_may_not_grow(program: Program, json_wanted: bool) -> None:
    ran = repair(
        program, "-o", "out.json", "--yes", *(["--json"] if json_wanted else []), before=file_size_limit(16 * 1024)
    )
    check(ran, 6, (), json_wanted)
    assert not (program.folder / "out.json").exists()
    assert not list(program.folder.rglob("*.tmp"))


def test_a_state_folder_that_cannot_be_made(program: Program) -> None:
    (program.folder / "file").write_text("")
    ran = repair(program, extra={"OPSWRIGHT_STATE_DIR": str(program.folder / "file" / "state")})
    check(ran, 6, (str(program.folder / "file"),), False)


@contextmanager
def endpoint(status: int) -> Iterator[str]:
    """An endpoint that answers every request with this status."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps({"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


KEY = "sk-test-Wrong1234567890abcdef"


@BOTH_FORMATS
def test_a_wrong_key(program: Program, json_wanted: bool) -> None:
    with endpoint(401) as address:
        ran = repair(
            program,
            *("--tier", "mid", "--max-tokens", "100000"),
            *(["--json"] if json_wanted else []),
            extra={"OPENAI_BASE_URL": address, "OPENAI_API_KEY": KEY, "OPSWRIGHT_MODEL_MID": "openai/some-model"},
        )
    check(ran, 6, ("OPENAI_API_KEY",), json_wanted)
    assert KEY not in ran.stdout + ran.stderr


@BOTH_FORMATS
def test_an_endpoint_that_cannot_be_reached(program: Program, json_wanted: bool) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else can have the port
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        ran = repair(
            program,
            *("--tier", "mid", "--max-tokens", "100000"),
            *(["--json"] if json_wanted else []),
            extra={"OPENAI_BASE_URL": address, "OPENAI_API_KEY": KEY, "OPSWRIGHT_MODEL_MID": "openai/some-model"},
        )
    check(ran, 6, ("127.0.0.1",), json_wanted)


@BOTH_FORMATS
def test_a_model_without_a_price(program: Program, json_wanted: bool) -> None:
    ran = repair(
        program,
        *("--tier", "mid"),
        *(["--json"] if json_wanted else []),
        extra={
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
            "OPENAI_API_KEY": KEY,
            "OPSWRIGHT_MODEL_MID": "openai/no-such-model",
        },
    )
    check(ran, 2, ("price", "--max-tokens"), json_wanted, "ConfigError")


@BOTH_FORMATS
def test_a_tier_that_is_not_configured(program: Program, json_wanted: bool) -> None:
    ran = repair(program, "--tier", "high", *(["--json"] if json_wanted else []))
    check(ran, 2, ("high", "OPSWRIGHT_MODEL_HIGH"), json_wanted)


def test_a_receipt_signed_by_another_key(program: Program) -> None:
    made = program("config", "key", "mine.pem", "--json").envelope()["result"]
    other = program("config", "key", "other.pem", "--json").envelope()["result"]
    signed = repair(program, "--receipt", "r.json", extra={"OPSWRIGHT_SIGNING_KEY_FILE": made["key_file"]})
    assert signed.code == 0, signed.stderr
    assert program("verify", "r.json", "--key", made["public"]).code == 0
    check(program("verify", "r.json", "--key", other["public"], "--json"), 2, ("r.json",), True, "ReceiptError")
    text = (program.folder / "r.json").read_text()
    (program.folder / "r.json").write_text(text.replace("s3:GetObject", "s3:PutObject", 1))
    check(program("verify", "r.json"), 2, ("r.json",), False)


def test_a_signing_key_that_is_none(program: Program) -> None:
    (program.folder / "key.pem").write_text("nothing of the kind")
    (program.folder / "key.pem").chmod(0o600)
    ran = repair(program, extra={"OPSWRIGHT_SIGNING_KEY_FILE": "key.pem"})
    check(ran, 2, ("key.pem",), False)


def test_a_project_that_widens(program: Program) -> None:
    (program.folder / ".opswright.toml").write_text("# harmless\n[models]\nbase_url = 'http://evil.example/v1'\n")
    check(repair(program), 2, (".opswright.toml:3", "models.base_url"), False)
