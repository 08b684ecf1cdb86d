"""What a probe found, and how probes ask without ever hanging."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

TOOL_TIMEOUT_S = 5.0
SOCKET_TIMEOUT_S = 3.0


class Health(StrEnum):
    """`missing`: optional and not there; `broken`: the settings ask for it and it does not work."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; `advice` says what to do and what for."""

    name: str
    health: Health
    detail: str
    advice: str = ""


def ok(name: str, detail: str) -> Finding:
    """It is there and works."""
    return Finding(name, Health.OK, detail)


def missing(name: str, detail: str, advice: str) -> Finding:
    """It is optional and not there."""
    return Finding(name, Health.MISSING, detail, advice)


def broken(name: str, detail: str, advice: str) -> Finding:
    """The settings ask for it and it does not work."""
    return Finding(name, Health.BROKEN, detail, advice)


@dataclass(frozen=True)
class Answer:
    """What a program said; `code` None: it is not installed, could not be started, or gave no answer in time."""

    code: int | None
    output: str

    @property
    def first_line(self) -> str:
        """The first line that is not empty."""
        return next((line.strip() for line in self.output.splitlines() if line.strip()), "")

    @property
    def version_line(self) -> str:
        """The first line with a version that is no script's complaint: launchers may complain before they answer."""
        lines = (line.strip() for line in self.output.splitlines())
        named = (line for line in lines if re.search(r"\d\.\d", line) and not re.match(r"/\S+: ", line))
        return next(named, self.first_line)


def ask(command: Sequence[str], timeout_s: float = TOOL_TIMEOUT_S) -> Answer:
    """Runs a program in a process group of its own, which is killed when it gives no answer in time."""
    program = shutil.which(command[0])
    if program is None:
        return Answer(None, "not installed")
    try:
        process = subprocess.Popen(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return Answer(None, f"cannot be started: {error.strerror}")
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return Answer(None, f"no answer in {timeout_s:g} s")
    return Answer(process.returncode, output.decode("utf-8", "replace"))
