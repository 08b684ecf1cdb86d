"""The gateway's fixtures, and a conversation over them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents.dialogue.talking import Talk
from tests.tools.models.conftest import Bench, bench, prompts, server

__all__ = ["bench", "prompts", "server"]


@pytest.fixture
def talk(bench: Callable[..., Bench], tmp_path: Path) -> Callable[..., Talk]:
    """Builds a conversation over a scripted server; options are the bench's."""

    def build(**options: Any) -> Talk:
        return Talk(bench(**options), tmp_path)

    return build
