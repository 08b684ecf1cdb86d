"""`opswright eval` as a program with a home of its own, and the data of the suite that does what it is told."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from opswright.nouns import Json

PROGRAM = "import sys; from opswright.cli import main; sys.exit(main())"
PLUGINS = Path(__file__).parent / "plugins"


def surroundings(at: Path, **more: str) -> dict[str, str]:
    """An environment in which nothing of the machine's own settings counts."""
    home = {"HOME": str(at), "XDG_STATE_HOME": str(at / "state"), "XDG_CONFIG_HOME": str(at / "config")}
    kept = {name: os.environ[name] for name in ("PATH", "XDG_CACHE_HOME") if name in os.environ}
    return {**kept, **home, **more}


def opswright(at: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in the folder and waits for it."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=at,
        env=surroundings(at, **environment),
        capture_output=True,
        text=True,
        check=False,
    )


def started(at: Path, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """Starts a command in the folder, in a process group of its own as a terminal would."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=at,
        env=surroundings(at, **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def probe_data(at: Path, deeds: Mapping[int, Mapping[str, Json]], count: int = 10) -> Path:
    """A data folder for the suite `probe`: cases 0 to `count` - 1, some with something to do."""
    folder = at / "probe"
    folder.mkdir(parents=True)
    lines = [{"id": str(number), **deeds.get(number, {})} for number in range(count)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return at


def run_probe(data: Path, *more: str) -> list[str]:
    """The arguments that run its first part."""
    return ["eval", "run", "probe", "--suites", str(PLUGINS), "--part", "deeds", "--data", str(data), *more]


def log_of(data: Path) -> list[str]:
    """The ids of the cases that were begun, in their order."""
    path = data / "probe" / "log"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def rows_of(path: Path) -> dict[str, Any]:
    """The last row of each case of a result file; a line cut off at the end is left out."""
    lines = path.read_bytes().splitlines(keepends=True)[1:]
    read = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return {line["case"]: line["row"] for line in read}


def result_of(done: "subprocess.CompletedProcess[str]") -> Any:
    """The envelope's result; the command must have printed one envelope."""
    return json.loads(done.stdout)["result"]


def without_times(rows: Mapping[str, Any], names: Sequence[str] = ("seconds",)) -> dict[str, Any]:
    """Rows without what the clock says."""
    return {id: {key: value for key, value in row.items() if key not in names} for id, row in rows.items()}
