"""A real Chroma server on this machine: several processes, its death, and what is refused."""

import contextlib
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from opswright.errors import ConfigError, EnvironmentFailed
from opswright.settings.shape import MemorySettings
from tests.knowledge.index.work import Process, sources, take
from tests.knowledge.library import Place, answers
from tests.live import unavailable
from tests.processes import wait_for


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def chroma(folder: Path, port: int) -> Iterator[None]:
    """`chroma run` on loopback, for as long as it lasts."""
    program = Path(sys.executable).with_name("chroma")
    if not program.exists():
        unavailable("there is no `chroma` beside the interpreter (pip install chromadb)")
    command = [str(program), "run", "--host", "127.0.0.1", "--port", str(port), "--path", str(folder)]
    with (folder.parent / "chroma.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: answering(port), "the Chroma server")
        yield
    finally:
        server.kill()
        server.wait()


def answering(port: int) -> bool:
    """Whether the server is up."""
    address = f"http://127.0.0.1:{port}/api/v2/heartbeat"
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@pytest.mark.live
def test_several_processes_share_a_server_and_answer_as_the_embedded_index_does(tmp_path: Path) -> None:
    port = free_port()
    served = MemorySettings(index="server", port=port)
    place = Place(tmp_path / "served", served)
    with chroma(tmp_path / "data", port):
        library = place.library()
        take(library, place, "100.md", 100)
        assert sources(library) == ["100.md"]
        writers = [Process("write", place.folder, first, 2, port) for first in (1, 3)]
        assert [sorted(writer.lines()) for writer in writers] == [["1.md", "2.md"], ["3.md", "4.md"]]
        assert [writer.wait() for writer in writers] == [0, 0]
        assert sources(library) == ["1.md", "100.md", "2.md", "3.md", "4.md"]
        found = answers(library)
        embedded = Place(place.folder, MemorySettings())
        embedded.index.rename(tmp_path / "moved")
        assert answers(embedded.library()) == found
    with pytest.raises(EnvironmentFailed, match=f"127.0.0.1:{port}"):
        library.search("storage", "heal")
    with pytest.raises(EnvironmentFailed, match="chroma run"):
        place.library().search("storage", "heal")
    with chroma(tmp_path / "empty", port):  # a server that lost everything
        assert answers(place.library()) == found
        assert [line for line in place.said if "damaged" in line]


def test_a_server_elsewhere_needs_tls(tmp_path: Path) -> None:
    place = Place(tmp_path, MemorySettings(index="server", host="chroma.example.org"))
    library = place.library()
    take(library, place, "a.md", 1)
    with pytest.raises(ConfigError, match=r"memory\.tls"):
        library.search("storage", "heal")


def test_something_else_that_listens_there_is_named(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        place = Place(tmp_path, MemorySettings(index="server", port=deaf.getsockname()[1]))
        library = place.library()
        take(library, place, "a.md", 1)
        with pytest.raises(EnvironmentFailed, match=r"127\.0\.0\.1"):
            library.search("storage", "heal")
