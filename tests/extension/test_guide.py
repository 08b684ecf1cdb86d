"""docs/extending.md is true: its excerpts stand in the second specialist, its paths and names exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDED = Path(__file__).parent / "one-folder-each"
GUIDE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
EXCERPTS = re.findall(r"^```\w+\n# (\S+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
PATHS = re.findall(r"`((?:agents|tools|sandboxes|tests|evals|prompts|docs)/[a-z_./-]+\.(?:py|md|toml))`", GUIDE)


def test_there_are_excerpts_and_paths() -> None:
    assert len(EXCERPTS) >= 6 and len(PATHS) >= 5
    assert len(EXCERPTS) == GUIDE.count("\n```") // 2, "every excerpt says where it is from"


@pytest.mark.parametrize(("path", "text"), EXCERPTS, ids=[path for path, _ in EXCERPTS])
def test_an_excerpt_stands_in_its_file(path: str, text: str) -> None:
    assert text in (ADDED / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(PATHS)))
def test_a_path_that_it_names_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", GUIDE))
def test_its_links_lead_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("SpecialistContract", "tests/contracts/specialists.py"),
        ("EnvironmentContract", "tests/contracts/environments.py"),
        ("GriddedContract", "tests/contracts/environments.py"),
        ("record_surface", "sandboxes/environments/surface_recorder.py"),
        ("converse", "agents/dialogue/conversation.py"),
    ],
)
def test_the_names_it_uses_exist(name: str, file: str) -> None:
    assert name in GUIDE
    assert re.search(rf"^(?:class|def) {name}\b", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
