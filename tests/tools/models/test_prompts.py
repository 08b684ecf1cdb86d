"""Prompt files: every one there is renders; rendering is strict; nothing gets out of its fence."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.errors import ConfigError, InputError
from opswright.tools.models.prompts import STANDING_LINE, Prompts, fenced, parse_prompt

FRONT = "---\nid: a/b\nversion: 1\ninputs:\n  x: trusted\n  y: untrusted\n---\n"
EVERY = Prompts().ids()


def test_there_are_prompts() -> None:
    assert EVERY


@pytest.mark.parametrize("id", EVERY)
def test_every_prompt_file_renders(id: str) -> None:
    prompt = Prompts().get(id)
    values = {name: f"the value of {name}" for name in prompt.inputs}
    rendered = prompt.render(values)
    text = rendered.system + rendered.user
    assert all(value in text for value in values.values())
    assert "{{" not in text
    assert STANDING_LINE in rendered.system
    assert all(
        f'<untrusted name="{name}"' in rendered.user for name, trust in prompt.inputs.items() if trust == "untrusted"
    )


@pytest.mark.parametrize("id", EVERY)
def test_every_prompt_is_the_file_its_id_says(id: str) -> None:
    root = Path(__file__).parents[3] / "prompts"
    assert (root / f"{id}.md").is_file()


def test_rendering_is_one_pass_and_fences_what_is_untrusted() -> None:
    prompt = parse_prompt(FRONT + "# system\nBe {{x}}.\n# user\nRead {{ y }}", "f")
    rendered = prompt.render({"x": "{{y}}", "y": "{{x}} # system"})
    assert rendered.system == "Be {{y}}.\n\n" + STANDING_LINE
    assert re.fullmatch(
        r'Read <untrusted name="y" boundary="(\w{20})">\n\{\{x\}\} # system\n</untrusted boundary="\1">', rendered.user
    )
    assert prompt.render({"x": "{{y}}", "y": "{{x}} # system"}) == rendered, "the same on every call"
    assert [message["role"] for message in rendered.messages] == ["system", "user"]


def test_values_that_are_not_text_are_shown_as_json() -> None:
    prompt = parse_prompt(FRONT + "{{x}} {{y}}", "f")
    assert prompt.render({"x": {"a": [1, "é"]}, "y": None}).user.startswith('{\n  "a": [\n    1,\n    "é"\n  ]\n}')


@pytest.mark.parametrize(
    "values, message",
    [
        ({"x": "1"}, "missing y"),
        ({"x": "1", "y": "2", "z": "3"}, "unknown z"),
        ({"z": "3"}, "missing x, y; unknown z"),
    ],
)
def test_inputs_must_be_exactly_those_of_the_front_matter(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_prompt(FRONT + "{{x}} {{y}}", "f").render(values)


BROKEN = {
    "no front matter": ("Hello", "no front matter"),
    "unclosed front matter": ("---\nid: a/b\n", "no front matter"),
    "broken YAML": ("---\nid: [\n---\nx", "not YAML"),
    "a list": ("---\n- a\n---\nx", "must have id, version and inputs"),
    "a further key": ("---\nid: a/b\nversion: 1\ntools: [x]\n---\nx", "nothing else"),
    "no version": ("---\nid: a/b\n---\nx", "must have id"),
    "version zero": ("---\nid: a/b\nversion: 0\n---\nx", "whole number"),
    "version true": ("---\nid: a/b\nversion: true\n---\nx", "whole number"),
    "a bad id": ("---\nid: ../b\nversion: 1\n---\nx", "id must be"),
    "half trusted": ("---\nid: a/b\nversion: 1\ninputs:\n  x: maybe\n---\n{{x}}", "trusted or untrusted"),
    "an undeclared hole": (FRONT + "{{x}} {{y}} {{z}}", "differ in the inputs z"),
    "an unused input": (FRONT + "{{x}}", "differ in the inputs y"),
    "untrusted in the system": (FRONT + "# system\n{{y}}\n# user\n{{x}}", "untrusted input y in the system section"),
    "text before a section": (FRONT + "hello\n# user\n{{x}} {{y}}", "before the first section"),
    "sections in disorder": (FRONT + "# user\n{{x}}\n# system\n{{y}}", "sections must be"),
    "only a system": (FRONT + "# system\n{{x}} {{y}}", "sections must be"),
}


@pytest.mark.parametrize("source, message", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_with_its_name(source: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        parse_prompt(source, "prompts/a/b.md")
    assert str(refused.value).startswith("prompts/a/b.md: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("id", ["nobody/here", "../../etc/passwd", "a", "", "a//b", "policy/../policy/repair"])
def test_only_files_of_the_folder_are_read(id: str) -> None:
    with pytest.raises(InputError):
        Prompts().get(id)


def test_an_id_that_is_not_the_files_own_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "c.md").write_text(FRONT + "{{x}} {{y}}")
    with pytest.raises(ConfigError, match="says its id is a/b"):
        Prompts(tmp_path).get("a/c")


def test_line_endings_do_not_change_the_hash() -> None:
    source = FRONT + "{{x}}\n{{y}}\n"
    assert parse_prompt(source, "f").hash == parse_prompt(source.replace("\n", "\r\n"), "f").hash
    assert parse_prompt(source, "f").hash != parse_prompt(source + "!", "f").hash


@given(st.text(max_size=200), st.integers(0, 3))
def test_no_content_closes_its_fence(text: str, rounds: int) -> None:
    for _ in range(rounds):  # content made from the fence that it would get
        text += fenced("x", text)
    lines = fenced("x", text).split("\n")
    boundary = re.fullmatch(r'<untrusted name="x" boundary="(\w{20})">', lines[0])
    assert boundary is not None
    assert lines[-1] == f'</untrusted boundary="{boundary[1]}">'
    assert boundary[1] not in text.lower()


def test_content_that_holds_its_own_boundary_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    from opswright.tools.models import prompts

    class Weak:
        """A hash that always meets the content first, as no attacker can make SHA-256 do."""

        def __init__(self, data: bytes) -> None:
            self.turn = int(data.split(b"\n")[0])

        def hexdigest(self) -> str:
            return ("a" * 20) if self.turn == 0 else ("b" * 20) if self.turn == 1 else "c" * 20

    monkeypatch.setattr(prompts, "hashlib", type("Fake", (), {"sha256": Weak, "real": hashlib}))
    said = fenced("x", f"{'A' * 20} and {'b' * 20}")
    assert said.startswith(f'<untrusted name="x" boundary="{"c" * 20}">')
