"""Files of a request: small texts by value, everything else by reference, and changes of the latter noticed."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from opswright.agents.files import LARGEST_BYTES, SAMPLE_BYTES, File, classified, read_file, read_files
from opswright.errors import InputError


def test_a_text_is_taken_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("häll\n")
    (file,) = read_files([path])
    assert (file.whole_text(), file.reference) == ("häll\n", None)
    assert read_file(file.as_json()) == file


@pytest.mark.parametrize(
    ("make", "kind", "why"),
    [
        (lambda path: path.write_bytes(b"x" * (LARGEST_BYTES + 1)), "file", "is larger than 8 MiB"),
        (lambda path: path.write_bytes(b"a\xff"), "file", "is not UTF-8 text (byte 1)"),
        (lambda path: path.mkdir(), "folder", "is a folder, not a regular file"),
    ],
)
def test_what_is_no_small_text_is_a_reference(
    tmp_path: Path, make: Callable[[Path], object], kind: str, why: str
) -> None:
    path = tmp_path / "thing"
    make(path)
    (file,) = read_files([path])
    assert file.reference is not None and file.reference.kind == kind and file.reference.check() == path
    assert len(file.text) <= SAMPLE_BYTES
    assert "text" not in file.as_json() and read_file(file.as_json()) == file
    with pytest.raises(InputError) as caught:
        file.whole_text()
    assert str(caught.value).startswith(f"{path}: ") and why in str(caught.value)


def test_ten_gigabytes_are_handed_on_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.log"
    with path.open("wb") as file:
        file.write(b"first line\n")
        file.truncate(10 * 2**30)  # sparse: reading it all would take ten gigabytes of memory
    (found,) = read_files([path])
    assert found.reference is not None and found.reference.size_bytes == 10 * 2**30
    assert found.text.startswith("first line\n")
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"one more line\n")
    with pytest.raises(InputError, match="was changed since it was given"):
        found.reference.check()


def test_a_folder_that_got_another_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    (found,) = read_files([tmp_path])
    assert found.reference is not None and found.text == "b"
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="was changed since it was given"):
        found.reference.check()
    tmp_path.joinpath("a").unlink()
    assert found.reference.check() == tmp_path


def test_a_reference_is_classified_by_its_beginning() -> None:
    file = File("x.log", "Jan  1 host sshd: hello")
    (found,) = classified([file], {"logs": lambda name, text: "log" if "sshd" in text else None})
    assert found.role("logs") == "log"


def test_a_small_text_by_reference_is_read_again_and_never_stored(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("password=hunter2\n")
    file = read_files([path])[0].by_reference()
    assert "hunter2" not in json.dumps(file.as_json())
    again = read_file(file.as_json())
    assert again.text == again.whole_text() == "password=hunter2\n"
    path.write_text("password=hunter3\n")
    assert read_file(file.as_json()).text == "password=hunter3\n", "what it is can still be told"
    with pytest.raises(InputError, match="was changed since it was given"):
        again.whole_text()
    path.unlink()
    with pytest.raises(InputError, match=r"app\.log: cannot be read"):
        read_file(file.as_json())


def test_what_was_piped_in_cannot_be_a_reference() -> None:
    with pytest.raises(InputError, match="must be given as a file"):
        File("stdin", "text").by_reference()
