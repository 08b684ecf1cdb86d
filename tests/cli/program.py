"""Runs the real program in a process of its own, with an empty home."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "reports-bucket"
TIMEOUT_S = 120


@dataclass(frozen=True)
class Ran:
    """How it ended and what it printed."""

    code: int
    stdout: str
    stderr: str

    def envelope(self) -> dict[str, Any]:
        """The one JSON object on stdout; fails when there is anything else."""
        value = json.loads(self.stdout)
        assert set(value) == {"schema", "command", "status", "result", "error", "usage", "receipts"}
        assert value["schema"] == "opswright/1"
        return value  # type: ignore[no-any-return]

    def error_line(self) -> str:
        """The one line that an error leaves on stderr."""
        assert "Traceback" not in self.stderr + self.stdout, self.stderr
        lines = [line for line in self.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.stderr
        return lines[0]


@dataclass(frozen=True)
class Program:
    """The program with its own home and working folder."""

    folder: Path
    environment: Mapping[str, str]

    def __call__(
        self,
        *arguments: str | Path,
        extra: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
        stdout: Any = subprocess.PIPE,
    ) -> Ran:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "opswright.cli", *map(str, arguments)],
            cwd=self.folder,
            env={**self.environment, **(extra or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
            preexec_fn=before,
            check=False,
        )
        return Ran(done.returncode, done.stdout or "", done.stderr)

    @property
    def state(self) -> Path:
        """Its state folder."""
        return Path(self.environment["HOME"]) / ".local/state/opswright"


def new_program(folder: Path) -> Program:
    """A program whose home is an empty folder: no settings, no keys, nothing of the machine's user."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    names = ("PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH")  # the last for a copy of the project
    kept = {name: os.environ[name] for name in names if name in os.environ}
    # The action database's index is the same for everybody and costs a second to make.
    cache = Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "opswright-tests"
    return Program(work, {**kept, "HOME": str(home), "XDG_CACHE_HOME": str(cache)})
