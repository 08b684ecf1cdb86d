"""A chat at a terminal as a fixture, with toy specialists or without."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.cli.chat.terminal import Terminal
from tests.cli.chat.toys import make_toys
from tests.cli.program import Program, new_program

Chat = Callable[..., Terminal]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The real program with an empty home."""
    return new_program(tmp_path)


@pytest.fixture
def chat(program: Program) -> Chat:
    """Opens chats of the real program; `with` ends them."""
    return partial(Terminal, program)


@pytest.fixture
def toys(program: Program, chat: Chat, tmp_path: Path) -> Chat:
    """Opens chats with the toy specialists `loom` and `anvil`."""
    folder = make_toys(tmp_path / "plugins", "loom", "anvil")
    script = str(Path(__file__).with_name("toys.py"))

    def opened(*arguments: str, **more: Any) -> Terminal:
        return chat(str(folder), *arguments, command=(script,), **more)

    return opened
