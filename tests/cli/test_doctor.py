"""The doctor against real sockets, programs and files; never against this machine's own luck."""

import http.server
import json
import os
import select
import socket
import socketserver
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from opswright.cli.doctor import databases, engines, machine, models, parts
from opswright.cli.doctor.command import PROBES, examine
from opswright.cli.doctor.finding import Finding, Health, ask, ok
from opswright.settings import Settings, load_settings
from tests.cli.program import Program


def settings_of(folder: Path, **variables: str) -> Settings:
    """The defaults of an empty home, with variables."""
    return load_settings({}, {"HOME": str(folder), **variables}, folder)


@contextmanager
def unix_server(path: Path, answer: bytes) -> Iterator[None]:
    """A server that reads once and answers."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(answer)

    with socketserver.UnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def endpoint(status: int, wanted_key: str = "") -> Iterator[tuple[str, list[str]]]:
    """An HTTP server; yields its address and the paths it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            right = not wanted_key or self.headers.get("Authorization") == f"Bearer {wanted_key}"
            self.send_response(status if right else 401)
            self.send_header("Location", "http://127.0.0.1:9/stolen")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
        finally:
            server.shutdown()
            thread.join()


def test_everything_is_reported_in_one_envelope(program: Program) -> None:
    ran = program("doctor", "--json")
    assert ran.code == 0, ran.stderr
    findings = {one["name"]: one for one in ran.envelope()["result"]["findings"]}
    wanted = {
        "Python", "Settings", "State folder", "Left-over changes", "Action database", "cvc5", "Models", "Docker engine",
        "bubblewrap", "Control groups", "GlusterFS", "fio", "Kubernetes", "PostgreSQL", "MariaDB", "Redis",
        "SQLite, DuckDB", "Chromium",
    }  # fmt: skip
    assert wanted <= set(findings)
    assert len(findings) == len(PROBES)
    assert findings["Action database"]["health"] == "ok"
    assert all(one["advice"] for one in findings.values() if one["health"] != "ok")


def test_a_broken_setting_is_code_6_with_the_whole_report(program: Program) -> None:
    ran = program("doctor", "--json", extra={"OPSWRIGHT_SIGNING_KEY_FILE": "/nonexistent/key.pem"})
    assert ran.code == 6
    envelope = ran.envelope()
    assert envelope["status"] == "error"
    assert "/nonexistent/key.pem" in envelope["error"]["message"]
    assert len(envelope["result"]["findings"]) == len(PROBES)


def test_a_misspelt_variable_is_broken(program: Program) -> None:
    ran = program("doctor", extra={"OPSWRIGHT_MAX_UDS": "1"})
    assert ran.code == 6
    assert "did you mean OPSWRIGHT_MAX_USD?" in ran.error_line()


def test_docker_is_really_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    assert engines.docker(settings_of(tmp_path)).health is Health.MISSING
    body = json.dumps({"Version": "99.1", "ApiVersion": "1.9", "Os": "linux"}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    with unix_server(path, head + body):
        found = engines.docker(settings_of(tmp_path))
    assert (found.health, "99.1" in found.detail) == (Health.OK, True)


@pytest.mark.parametrize("answer", [b"SSH-2.0-what\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull", b""])
def test_what_is_no_docker_is_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    path = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with unix_server(path, answer):
        assert engines.docker(settings_of(tmp_path)).health is Health.MISSING


@pytest.mark.parametrize(
    ("understand", "answer", "expected"),
    [
        (databases._greeting, b"J\x00\x00\x00\x0a10.11.6-MariaDB\x00rest", "10.11.6-MariaDB"),
        (databases._greeting, b"HTTP/1.1 400", ""),
        (databases._pong, b"+PONG\r\n", "a server answers"),
        (databases._pong, b"-NOAUTH Authentication required.\r\n", "a server answers (it wants a password)"),
        (databases._pong, b"nonsense", ""),
    ],
)
def test_databases_are_told_by_their_own_words(tmp_path: Path, understand: Any, answer: bytes, expected: str) -> None:
    path = tmp_path / "db.sock"
    with unix_server(path, answer):
        heard = databases._talk([str(path)], b"?", understand)
    assert heard == (f"{expected} at {path}" if expected else "")


def test_checkpoints_without_their_address_are_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPSWRIGHT_POSTGRES_DSN", raising=False)
    found = databases.postgresql(settings_of(tmp_path, OPSWRIGHT_CHECKPOINTS="postgres"))
    assert found.health is Health.BROKEN
    assert "OPSWRIGHT_POSTGRES_DSN" in found.detail


def test_a_password_in_the_address_is_not_shown(program: Program) -> None:
    address = "postgresql://me:hunter22@127.0.0.1:1/db"
    ran = program("doctor", "--json", extra={"OPSWRIGHT_CHECKPOINTS": "postgres", "OPSWRIGHT_POSTGRES_DSN": address})
    assert ran.code == 6
    assert "hunter22" not in ran.stdout + ran.stderr


def models_finding(folder: Path, **variables: str) -> Finding:
    """What the probe says of models configured so."""
    return models.models(settings_of(folder, **variables))


def test_models_that_are_not_configured_are_optional(tmp_path: Path) -> None:
    assert models_finding(tmp_path).health is Health.MISSING


def test_an_endpoint_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "right-key")
    with endpoint(200, "right-key") as (address, asked):
        found = models_finding(tmp_path, OPSWRIGHT_MODEL_LOW="openai/x", OPENAI_BASE_URL=address)
    assert found.health is Health.OK, found
    assert asked == ["/v1/models"]


def test_a_wrong_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "wrong-key")
    with endpoint(200, "right-key") as (address, _):
        found = models_finding(tmp_path, OPSWRIGHT_MODEL_LOW="openai/x", OPENAI_BASE_URL=address)
    assert found.health is Health.BROKEN
    assert "refuses the key in OPENAI_API_KEY" in found.detail
    assert "wrong-key" not in found.detail


def test_a_redirect_is_not_followed_with_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "right-key")
    with endpoint(302) as (address, asked):
        models_finding(tmp_path, OPSWRIGHT_MODEL_LOW="openai/x", OPENAI_BASE_URL=address)
    assert asked == ["/v1/models"]


def test_an_endpoint_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://me:hunter22@127.0.0.1:{taken.getsockname()[1]}/v1"
        found = models_finding(tmp_path, OPSWRIGHT_MODEL_LOW="openai/x", OPENAI_BASE_URL=address)
    assert found.health is Health.BROKEN
    assert "hunter22" not in found.detail


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("x")
    key.chmod(0o644)
    settings = settings_of(tmp_path, OPSWRIGHT_SIGNING_KEY_FILE=str(key))
    assert parts.signing_key(settings).health is Health.BROKEN
    key.chmod(0o600)
    assert parts.signing_key(settings).health is Health.OK


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    found = machine.state_folder(settings_of(tmp_path, OPSWRIGHT_STATE_DIR=str(tmp_path / "state")))
    assert found.health is Health.BROKEN


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "hangs"
    script.write_text("#!/bin/sh\nsleep 600 & echo $! > child; wait\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    answer = ask(["hangs"], timeout_s=3.0)
    assert answer.code is None and "no answer" in answer.output
    assert ends(int((tmp_path / "child").read_text()))


def test_a_launcher_s_complaint_is_not_taken_for_the_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "chromium"
    script.write_text('#!/bin/sh\necho "$0: 9: [: 12: unexpected operator" >&2\necho Chromium 156.0.8078.79\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert machine.chromium(settings_of(tmp_path)).detail == "Chromium 156.0.8078.79"


def ends(pid: int) -> bool:
    """Whether the process is gone, or goes while we look; a killed process takes a moment."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 30)[0])
    finally:
        os.close(descriptor)


def test_a_probe_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    over = threading.Event()

    def hanging(settings: Settings) -> Finding:
        over.wait(60)
        return ok("Late", "")

    started = time.monotonic()
    found = examine([hanging, machine.python], settings_of(tmp_path), deadline_s=0.2)
    over.set()
    assert [one.health for one in found] == [Health.UNKNOWN, Health.OK]
    assert time.monotonic() - started < 50  # it returned although the probe had not


def test_a_probe_that_breaks_is_a_bug_and_not_hidden(tmp_path: Path) -> None:
    def breaking(settings: Settings) -> Finding:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        examine([breaking], settings_of(tmp_path))
