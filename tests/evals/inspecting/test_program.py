"""`inspect` as a program finds our suites: as a file, and by the entry point that the package declares."""

import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

import opswright.evals

from ..program import PLUGINS, probe_data, surroundings

pytest.importorskip("inspect_ai", reason="the extra opswright[inspect] is not installed")

PROGRAM = "import sys; from inspect_ai._cli.main import main; sys.exit(main())"


def _inspect(at: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, "eval", *arguments, "--display", "plain", "--log-dir", str(at / "logs")],
        cwd=at,
        env=surroundings(at, **environment),
        capture_output=True,
        text=True,
        check=False,
    )


def _as_installed(at: Path) -> str:
    """A folder where the package's metadata have the entry points of today's project file, installed or not."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    [[name, module]] = project["entry-points"]["inspect_ai"].items()
    info = Path(str(distribution("opswright").locate_file("opswright-0.1.0.dist-info")))
    copy = shutil.copytree(info, at / "site" / info.name)
    (copy / "entry_points.txt").write_text(f"[inspect_ai]\n{name} = {module}\n")
    return str(copy.parent)


def test_by_its_entry_point(tmp_path: Path) -> None:
    data = probe_data(tmp_path, {}, count=3)
    chosen = ("-T", "suite=probe", "-T", "part=secret", "-T", f"data={data}", "-T", "limit=2")
    installed = _as_installed(tmp_path)
    done = _inspect(tmp_path, "opswright/suite", *chosen, PYTHONPATH=installed, OPSWRIGHT_SUITES=str(PLUGINS))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "probe-secret (2 samples)" in done.stdout
    assert len(list((tmp_path / "logs").glob("*.eval"))) == 1


def test_as_a_file_and_a_suite_that_is_not_there(tmp_path: Path) -> None:
    tasks = Path(opswright.evals.__file__).parent / "inspecting" / "tasks.py"
    done = _inspect(tmp_path, f"{tasks}@suite", "-T", "suite=nonesuch")
    assert done.returncode == 2
    assert "there is no suite 'nonesuch'" in done.stderr and "Traceback" not in done.stderr + done.stdout
