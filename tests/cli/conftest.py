"""The program as a fixture."""

from pathlib import Path

import pytest

from tests.cli.program import Program, new_program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The real program with an empty home."""
    return new_program(tmp_path)
