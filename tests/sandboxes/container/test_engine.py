"""Engines that are not there, are none, die or hang: one clear line, nothing that hangs, nothing left."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.container.opening import open_container
from opswright.sandboxes.ports import Command, Limits, Mount
from opswright.settings.shape import SandboxSettings
from tests.live import docker_engine
from tests.processes import wait_for
from tests.sandboxes.container.faulty import REAL, between
from tests.sandboxes.host import new_mark, own_groups, processes_with


@contextmanager
def listening(path: Path, answer: bytes | None) -> Iterator[None]:
    """A server that gives every caller this answer, or none."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                held.append(caller)
                if answer is not None:
                    caller.recv(65536)
                    caller.sendall(answer)
                    caller.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for caller in held:
                caller.close()


def told(settings: SandboxSettings | None = None) -> str:
    """The one line with which opening fails."""
    with pytest.raises(SandboxUnavailable) as failed:
        open_container(settings or SandboxSettings())
    assert "\n" not in str(failed.value)
    return str(failed.value)


@pytest.mark.parametrize("address", ["unix://{path}", "unix:///no/such/folder/docker.sock", "tcp://127.0.0.1:1"])
def test_no_engine_is_told_with_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", address.format(path=tmp_path / "no.sock"))
    line = told()
    assert "nothing answers at" in line and address.format(path=tmp_path / "no.sock") in line


@pytest.mark.parametrize("address", ["what://x", "unix//", "tcp://", "ssh://nobody@127.0.0.1:1", "npipe://x"])
def test_an_address_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    assert told()


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-what\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull", None]
)
def test_what_is_no_engine_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None
) -> None:
    """The last one takes the call and never answers."""
    path = tmp_path / "engine.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with listening(path, answer):
        told()


@pytest.mark.live
@pytest.mark.parametrize("grouped", [True, False])
@pytest.mark.parametrize("fault", ["die", "hang"])
def test_an_engine_that_fails_in_mid_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, grouped: bool
) -> None:
    docker_engine()
    if not Path(REAL).exists():
        pytest.skip(f"the engine is not at {REAL}")
    tmp_path.chmod(0o777)
    mark, command = new_mark(), 'touch /shared/started; while :; do sleep 1; done; echo "$0"'
    call = Command(["sh", "-c", command, mark], mounts=[Mount(tmp_path, "/shared", writable=True)])
    with between(tmp_path / "engine.sock") as stand:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
        sandbox = open_container(SandboxSettings(), grouped=grouped, answer_s=1.0)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(sandbox.run, call, Limits(seconds=2.0))
            wait_for((tmp_path / "started").exists, "the call to run")
            getattr(stand, fault)()
            with pytest.raises(SandboxUnavailable) as failed:
                running.result(timeout=60)
        assert "\n" not in str(failed.value)
        sandbox.close()
    wait_for(lambda: processes_with(mark) == [], "the call to end")  # with the connection, which is gone now
    assert own_groups() == []


@pytest.mark.live
def test_a_sandbox_that_is_closed_runs_nothing() -> None:
    docker_engine()
    sandbox = open_container(SandboxSettings())
    sandbox.close()
    began = time.monotonic()
    with pytest.raises(SandboxUnavailable, match="closed"):
        sandbox.run(Command(["true"]))
    assert time.monotonic() >= began
