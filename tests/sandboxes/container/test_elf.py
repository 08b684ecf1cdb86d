"""The libraries of a program, as the loader itself lists them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from opswright.sandboxes.container.elf import closure, wants


@pytest.mark.parametrize("program", ["sh", "tar", "ls", "python3"])
def test_they_are_those_that_the_loader_finds(program: str) -> None:
    path = Path(shutil.which(program, path="/usr/bin:/bin") or pytest.skip(f"no {program} here"))
    listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout.split()
    wanted = {Path(word).resolve() for word in listed if word.startswith("/")}
    assert {library.resolve() for library in closure([path])} == wanted


def test_a_script_needs_none(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    assert closure([script]) == ()
    assert wants(script.read_bytes()) is None


def test_a_library_that_is_missing_is_named_unless_that_is_no_matter(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(Path("/bin/sh").read_bytes().replace(b"libc.so.6\0", b"libq.so.6\0"))
    with pytest.raises(ValueError, match=r"program needs libq\.so\.6"):
        closure([program])
    assert all(library.name.startswith("ld-") for library in closure([program], lenient=True))


@pytest.mark.parametrize("cut", [7, 60, 64, 100, 200, 1000])
def test_a_broken_file_is_an_error_and_no_crash(tmp_path: Path, cut: int) -> None:
    program = tmp_path / "program"
    program.write_bytes(Path("/bin/sh").read_bytes()[:cut])
    with pytest.raises(ValueError):
        closure([program])


def test_another_machines_program_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\x01\x01" + bytes(60))  # 32 bits
    with pytest.raises(ValueError, match="another kind of machine"):
        closure([program])
