"""The set-up script's own words when something is missing. That it installs is proved in .ci/pristine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("sh", "dirname", "cmp", "grep", "sed", "head", "tr", "rm", "mkdir", "cp", "cat")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the script needs of a checkout, and a PATH of our own in `bin`."""
    for name in ("setup.sh", "requirements.lock", "requirements-uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def setup(checkout: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs it with that PATH and an empty home."""
    return subprocess.run(
        ["./setup.sh"],
        cwd=checkout,
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout / "home"), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def write_python(checkout: Path, script: str) -> None:
    """A `python3` that does what the script says before it is the real one."""
    path = checkout / "bin" / "python3"
    path.write_text(f'#!/bin/sh\n{script}\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)


def test_without_a_python(checkout: Path) -> None:
    done = setup(checkout)
    assert done.returncode != 0
    assert done.stderr.startswith("setup: error: no Python 3.11 to 3.14 on PATH")
    assert len(done.stderr.splitlines()) == 1


def test_with_a_python_that_is_too_old(checkout: Path) -> None:
    write_python(checkout, 'if [ "$1" = -c ]; then exit 1; fi')
    assert "no Python 3.11 to 3.14" in setup(checkout).stderr


def test_without_pip_and_uv(checkout: Path) -> None:
    write_python(checkout, 'if [ "$2" = pip ]; then exit 1; fi')
    done = setup(checkout)
    assert done.returncode != 0
    assert "has no pip and there is no uv" in done.stderr and "apt-get install python3-pip" in done.stderr


def test_without_an_index(checkout: Path) -> None:
    write_python(checkout, 'if [ "$2" = pip ]; then [ "$3" = --version ]; exit; fi')
    done = setup(checkout)
    assert done.returncode != 0
    assert "is the package index reachable?" in done.stderr.splitlines()[-1]
    assert not (checkout / ".venv").exists()


def test_what_pip_is_told_holds_for_uv(checkout: Path) -> None:
    write_python(
        checkout,
        """if [ "$2" = pip ] && [ "$3" = config ]; then
cat <<'END'
:env:.disable-pip-version-check='1'
global.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'
global.index-url='https://main.example/simple'
END
exit 0
fi""",
    )
    uv = checkout / "bin" / "uv"
    uv.write_text('#!/bin/sh\n[ "$1" = --version ] || echo "$UV_DEFAULT_INDEX|$UV_INDEX|$UV_INDEX_STRATEGY"\n')
    uv.chmod(0o755)
    command = ["./setup.sh", "uv", "pip", "list"]
    path = {"PATH": str(checkout / "bin"), "HOME": str(checkout)}
    told = subprocess.run(command, cwd=checkout, env=path, capture_output=True, text=True, timeout=60, check=True)
    expected = "https://main.example/simple|https://one.example/simple https://two.example/simple|unsafe-best-match\n"
    assert told.stdout == expected
    own = {**path, "UV_DEFAULT_INDEX": "https://own.example"}
    told = subprocess.run(command, cwd=checkout, env=own, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout == "https://own.example||\n"


def test_a_second_time_it_only_looks(checkout: Path) -> None:
    made = checkout / ".venv"
    (made / "setup").mkdir(parents=True)
    (made / "bin").mkdir()
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, made / "setup")
    program = made / "bin" / "opswright"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    done = setup(checkout)
    assert (done.returncode, done.stderr) == (0, "setup: .venv is up to date\n")
    (checkout / "requirements.lock").write_text("changed")
    assert setup(checkout).returncode != 0  # there is no Python to install the change with


def test_it_can_be_started_from_anywhere(checkout: Path) -> None:
    done = subprocess.run(
        [str(checkout / "setup.sh")],
        cwd="/",
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "no Python" in done.stderr
    assert os.access(ROOT / "setup.sh", os.X_OK)
