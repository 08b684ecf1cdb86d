"""What lies around the program and is somebody else's: files beside it, text that it prints for a person."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.program import new_program


def test_no_env_file_beside_the_program_sets_anything(tmp_path: Path) -> None:
    """LiteLLM reads a `.env` above its own folder (of a `.venv` in a project) or, without a script, the current one."""
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=http://evil.invalid/v1\nHTTPS_PROXY=http://evil.invalid\n")
    program = "import os; from opswright.tools.models import calls; calls.load(); print(sorted(os.environ))"
    kept = {name: value for name, value in os.environ.items() if name not in ("OPENAI_BASE_URL", "HTTPS_PROXY")}
    names = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=kept, text=True, capture_output=True, check=True
    ).stdout
    assert "HOME" in names
    assert "OPENAI_BASE_URL" not in names
    assert "HTTPS_PROXY" not in names


def test_a_password_in_a_request_is_stored_nowhere(tmp_path: Path) -> None:
    program = new_program(tmp_path)
    password = "correct-horse-7"
    ran = program("-p", f"repair the policy, see postgres://ops:{password}@db/x", "--json")
    assert password not in ran.stdout + ran.stderr
    stored = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.name.startswith("journal.sqlite3") for path in stored)
    assert [path for path, raw in stored.items() if password.encode() in raw] == []
