"""Ctrl-C while a command's run works: once stops it cleanly, twice leaves at once; never a traceback."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.chat.toys import make_toys
from tests.cli.program import Program, new_program

LONGEST_S = 60.0  # for what takes a moment, or the grace of 5 s


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The real program with an empty home."""
    return new_program(tmp_path)


class Command:
    """The program at work on toy tasks."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.stderr = ""

    def says(self, text: str, times: int = 1) -> None:
        """Waits until it has said so on stderr."""
        assert self._process.stderr is not None
        while self.stderr.count(text) < times:
            line = self._process.stderr.readline()
            assert line, f"it ended before it said {text!r}: {self.stderr}"
            self.stderr += line

    def gets(self, number: signal.Signals = signal.SIGINT) -> None:
        """A signal."""
        self._process.send_signal(number)

    def ends(self) -> int:
        """Its exit code."""
        stdout, rest = self._process.communicate(timeout=LONGEST_S)
        self.stderr += rest
        assert "Traceback" not in self.stderr + stdout and "RuntimeError" not in self.stderr, self.stderr
        return self._process.returncode


@contextmanager
def toys(program: Program, *goals: str) -> Iterator[Command]:
    """Loom and anvil, each with its goal, approved in advance."""
    plugins = make_toys(program.folder.parent / "plugins", "loom", "anvil")
    script = str(Path(__file__).with_name("toy_command.py"))
    process = subprocess.Popen(
        [sys.executable, "-P", script, "toys", str(plugins), *goals, "--yes"],
        cwd=program.folder,
        env={**program.environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        command = Command(process)
        for name in {goal.split()[0] for goal in goals}:
            command.says(f"{name} is at it")
        yield command
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("goals", [["loom blocks"], ["loom blocks", "anvil blocks"], ["loom patiently"]])
def test_once_calls_off_what_blocks(program: Program, goals: list[str], number: signal.Signals) -> None:
    with toys(program, *goals) as command:
        command.gets(number)
        assert command.ends() == 130
        assert "stopping" in command.stderr
        assert "go on with: opswright --resume" in command.stderr


@pytest.mark.parametrize("other", [[], ["anvil blocks"]])
def test_once_takes_the_trial_back(program: Program, other: list[str]) -> None:
    file = program.folder / "a.txt"
    file.write_text("before\n")
    with toys(program, "loom try a.txt blocks", *other) as command:
        assert file.read_text() == "tried\n"
        command.gets()
        assert command.ends() == 130
    assert file.read_text() == "before\n"
    assert list((program.state / "leases").glob("*.lease")) == []


def test_what_does_not_stop_is_let_go_of(program: Program) -> None:
    with toys(program, "loom wait", "anvil wait") as command:
        command.gets()
        assert command.ends() == 130
        assert "go on with: opswright --resume" in command.stderr


@pytest.mark.parametrize("goals", [["loom wait", "anvil wait"], ["loom deaf"], ["loom deaf", "anvil deaf"]])
def test_twice_leaves_at_once(program: Program, goals: list[str]) -> None:
    with toys(program, *goals) as command:
        command.gets()
        command.says("stopping")
        command.gets()
        assert command.ends() == 130
        assert "left;" in command.stderr
