"""The README's sessions are what the program prints: each `console` block is run again and compared.

OPSWRIGHT_UPDATE_README=1 writes what was printed into the README instead.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests.cli.program import CHECKOUT, EXAMPLE, TIMEOUT_S, Program

README = CHECKOUT / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
# What differs from run to run: times, and ids that contain the time.
VARYING = [
    (re.compile(r"\d+\.\d+ s\b"), "0.00 s"),
    (re.compile(r"\b[0-9a-hjkmnp-tv-z]{12}-t1\b"), "RUN-t1"),
    (re.compile(r"\breceipt [0-9a-f]{12}\b"), "receipt 0123456789ab"),
]


def steady(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, stand_in in VARYING:
        text = pattern.sub(stand_in, text)
    return text


def ran(program: Program, command: str) -> str:
    """The command as a terminal shows it: prompt, then both streams as they come."""
    words = shlex.split(command)
    assert words[0] == "opswright"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "opswright.cli", *words[1:]],
        cwd=program.folder,
        env=dict(program.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    printed = done.stdout.replace(str(program.folder), "/home/ann/reports").replace(program.environment["HOME"], "~")
    return f"$ {command}\n{printed}"


def test_the_sessions_are_what_the_program_prints(program: Program) -> None:
    shutil.copy(EXAMPLE / "policy.json", program.folder)
    shutil.copy(EXAMPLE / "requests.yaml", program.folder)
    shutil.copy(EXAMPLE / "policy.json", program.folder / "old.json")
    text = README.read_text("utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) >= 3
    fresh = []
    for block in blocks:
        commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
        fresh.append("".join(ran(program, command) for command in commands))
        shutil.copy(program.folder / "policy.json", program.folder / "new.json")  # the repaired one, after `apply`
    if os.environ.get("OPSWRIGHT_UPDATE_README") == "1":
        parts = iter(fresh)
        README.write_text(BLOCK.sub(lambda _: f"```console\n{next(parts)}```\n", text), "utf-8")
        pytest.skip("the README was written anew")
    for shown, printed in zip(blocks, fresh, strict=True):
        assert steady(shown) == steady(printed)


def test_links_lead_somewhere() -> None:
    for path in (README, CHECKOUT / "docs/architecture.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_readme_or_a_page_of_its_own_names_every_command(program: Program) -> None:
    """A specialist that is added brings its page along; nobody has to edit the README for it."""
    text = "".join(page.read_text("utf-8") for page in (README, *sorted(README.parent.glob("docs/*.md"))))
    listed = program("--help").stdout.partition("Commands:")[2].split("\n")
    names = [line.split()[0] for line in listed if re.match(r"  \w", line)]
    assert len(names) >= 9
    assert [name for name in names if not re.search(rf"opswright {name}\b", text)] == []
