"""A command's input from bytes and files, a piece at a time."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.errors import InputError
from opswright.sandboxes.feeding import CHUNK, Source


def drained(source: Source, step: int) -> bytes:
    """All of it, taken in steps."""
    text = b""
    while source.left:
        piece = bytes(source.piece()[:step])
        assert piece
        text += piece
        source.took(len(piece))
    source.close()
    return text


@given(text=st.binary(max_size=50), before=st.binary(max_size=20), step=st.integers(1, 64))
def test_bytes_arrive_whole_after_what_comes_first(text: bytes, before: bytes, step: int) -> None:
    source = Source(text)
    assert source.size == len(text)
    source.put_before(before)
    assert drained(source, step) == before + text


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 7])
def test_a_file_arrives_whole_and_as_long_as_it_was(size: int, tmp_path: Path) -> None:
    file, text = tmp_path / "log", os.urandom(size)
    file.write_bytes(text)
    source = Source(file)
    source.put_before(b"head")
    with file.open("ab") as growing:
        growing.write(b"more")
    assert drained(source, 10_000) == b"head" + text


def test_a_file_that_becomes_shorter_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"text")
    source = Source(file)
    os.truncate(file, 0)
    with pytest.raises(InputError, match="shorter"):
        drained(source, 4)
    source.close()


def test_a_pipe_is_no_input_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="ordinary"):
        Source(tmp_path / "pipe")
