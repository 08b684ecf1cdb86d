"""Only tool files can be loaded as effects."""

from pathlib import Path

import pytest

from opswright.agents.effects import PARTS, Effects
from opswright.errors import ApprovalRefused, InputError
from opswright.nouns import Action, Risk

DEEDS = Path(__file__).parent / "deeds"


def test_a_tool_file_and_a_plug_in_are_found() -> None:
    assert all(callable(getattr(Effects().load("files.write"), part)) for part in PARTS)
    assert Effects(DEEDS).load("counter") is Effects(DEEDS).load("counter")


@pytest.mark.parametrize(
    "name",
    [
        *("", "os", "os.path", "subprocess", "files", "files.absent", "files.write.os", "counter", "iam.document"),
        *("..agents.loop", "files/write", "files.Write", "files.write ", "files.write\n", "agents.loop", "__init__"),
        *("files..write", ".files.write", "../tests/agents/deeds/counter", "a" * 500, "files.wr\u0131te"),
    ],
)
def test_nothing_else_is(name: str) -> None:
    with pytest.raises(InputError):
        Effects().load(name)


def test_a_plug_in_does_not_replace_a_tool(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "write.py").write_text("raise SystemExit('loaded')")
    assert Effects(tmp_path).load("files.write") is Effects().load("files.write")


def test_a_file_without_the_four_functions_is_no_effect(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("def perform(): ...\n")
    with pytest.raises(InputError):
        Effects(tmp_path).load("half")


def test_an_action_cannot_claim_to_be_milder_than_its_effect() -> None:
    effects = Effects(DEEDS)
    with pytest.raises(ApprovalRefused):
        effects.check_risk(Action("files.write", {}, Risk.READ))
    with pytest.raises(ApprovalRefused):
        effects.check_risk(Action("counter", {}, Risk.DISRUPTIVE))
    effects.check_risk(Action("files.write", {}, Risk.IRREVERSIBLE))
    effects.check_risk(Action("switch", {}, Risk.READ))
