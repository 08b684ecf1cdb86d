"""Real processes for tests: bounded waiting, a child made by fork, a file system with hardly any room."""

import contextlib
import os
import signal
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

LONGEST_WAIT_S = 60.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Returns when the condition holds; fails the test when it never does."""
    give_up = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        if time.monotonic() > give_up:
            pytest.fail(f"waited {LONGEST_WAIT_S:g} s for {what}")
        time.sleep(0.01)


class Child:
    """A forked process that runs one function; what it writes to its pipe can be read line by line."""

    def __init__(self, work: Callable[[Callable[[str], None]], None]) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.close(reading)
                work(lambda line: _say(writing, line))
                code = 0
            finally:
                if code:
                    traceback.print_exc()
                os._exit(code)  # never back into the test run, whatever happened
        os.close(writing)
        self._said = os.fdopen(reading, "r", encoding="utf-8")

    def line(self) -> str:
        """The next line it says; empty when it has ended."""
        return self._said.readline().strip()

    def lines(self) -> list[str]:
        """All that it says until it ends."""
        return [line.strip() for line in self._said if line.endswith("\n")]

    def kill(self) -> None:
        """kill -9, and waits for its end."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Its exit code; minus the signal's number when one ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _say(descriptor: int, line: str) -> None:
    os.write(descriptor, f"{line}\n".encode())


def is_gone(pid: int) -> bool:
    """Has the process ended (a zombie has)?"""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] in "ZX"


@contextlib.contextmanager
def small_disk(folder: Path, size_kib: int) -> Iterator[Path]:
    """A tmpfs of this size for as long as it lasts; skips where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a tmpfs can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill_up(folder: Path) -> Path:
    """A file that takes all the room that is left."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 1024)
    with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(b"x")
    return filler
