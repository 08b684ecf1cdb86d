"""The shape of the project: imports point one way, folders are installed under one name, the lock names no index."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("agents", "tools", "knowledge", "sandboxes", "evals", "prompts")


def lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    """import-linter over a checkout."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_imports_point_one_way() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout), done.stdout


def test_every_package_has_a_layer() -> None:
    """A folder that no layer names would escape the contract."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    named = {name.strip().partition(".")[2] for layer in contract["layers"] for name in layer.split("|")}
    there = {path.stem for path in (ROOT / "src/opswright").iterdir() if path.suffix in ("", ".py")}
    assert there - {"__init__", "__pycache__", "py"} <= named


def test_the_folders_are_one_package_each() -> None:
    for folder in FOLDERS:
        link = ROOT / "src/opswright" / folder
        assert link.is_symlink() and not Path(link.readlink()).is_absolute(), folder
        assert link.resolve() == ROOT / folder
        missing = [path.parent for path in (ROOT / folder).rglob("*.py") if not (path.parent / "__init__.py").exists()]
        assert not missing, missing


def test_nothing_is_imported_under_a_bare_name() -> None:
    bare = re.compile(rf"^\s*(?:from|import)\s+(?:{'|'.join(FOLDERS)})\b", re.MULTILINE)
    files = [path for folder in (*FOLDERS, "tests", "src/opswright/cli") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 50
    found = [str(path) for path in files if bare.search(path.read_text("utf-8"))]
    assert not found


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-uv.lock"])
def test_a_lock_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("    --hash=sha256:", ""), re.MULTILINE)
    for entry in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9.-]+(\[[a-z,-]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_first_code_block_of_the_readme_is_two_commands() -> None:
    block = re.search(r"^```\w*\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    assert len(block[1].splitlines()) == 2
    assert block[1].splitlines()[0].startswith("./setup.sh")
    assert "pytest" in block[1].splitlines()[1]
