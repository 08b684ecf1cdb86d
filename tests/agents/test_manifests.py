"""Manifests: read without importing anything, refused with the file and the key that is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from opswright.agents.loading import load
from opswright.agents.manifests import Manifest, own_folder, read_manifest, read_manifests
from opswright.errors import ConfigError
from opswright.nouns import Risk, Tier

LEAST = 'name = "press"\nsummary = "Presses."\nspecialist = ".specialist:build"\n'


def write(folder: Path, text: str, name: str = "press") -> Path:
    path = folder / name / "agent.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_program_s_own_are_valid_and_named_as_their_folders() -> None:
    found = read_manifests()
    assert "policy" in found
    for name, manifest in found.items():
        assert manifest.folder == own_folder() / name


def test_reading_them_imports_no_specialist() -> None:
    code = (
        "import sys; from opswright.agents.manifests import read_manifests; read_manifests();"
        "print([m for m in sys.modules if m.startswith('opswright.agents.policy') or m.split('.')[0] in"
        " ('langgraph', 'litellm', 'pydantic', 'yaml', 'cvc5')])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_the_least_a_manifest_says(tmp_path: Path) -> None:
    manifest = read_manifest(write(tmp_path, LEAST))
    assert (manifest.name, manifest.package, manifest.tiers, manifest.risk) == ("press", "", tuple(Tier), {})


def test_all_a_manifest_can_say(tmp_path: Path) -> None:
    text = (
        LEAST
        + """
tools = ["iam"]
[commands]
press = { target = ".commands:press", help = "Press it." }
push = "press.commands:push"
[routing]
keywords = ["press"]
examples = ["press it"]
classify = ".files:classify"
inputs = ".files:inputs"
[risk]
"files.write" = "reversible"
[tiers]
order = ["solver", "high"]
rounds = { high = 7 }
"""
    )
    manifest = read_manifest(write(tmp_path, text))
    assert [(one.name, one.target, one.help) for one in manifest.commands] == [
        ("press", ".commands:press", "Press it."),
        ("push", "press.commands:push", "Presses."),
    ]
    assert manifest.risk == {"files.write": Risk.REVERSIBLE} and manifest.tools == ("iam",)
    assert manifest.tiers == (Tier.SOLVER, Tier.HIGH) and manifest.rounds[Tier.HIGH] == 7
    assert manifest.routing.classify == ".files:classify"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "summary must be a text"),
        ("name = ", "cannot be read"),
        (LEAST + "colour = 'red'", "colour is not known here"),
        (LEAST.replace('"press"', '"Press"'), "name must be lower-case"),
        (LEAST.replace('"press"', "7"), "name must be a text"),
        (LEAST.replace(".specialist:build", "specialist"), "specialist must be module:attribute"),
        (LEAST.replace(".specialist:build", "../evil:build"), "specialist must be module:attribute"),
        (LEAST + "[routing]\nkeywords = 'policy'", "routing.keywords must be a list of texts"),
        (LEAST + "[routing]\nmodel = 'x'", "routing.model is not known here"),
        (LEAST + "[risk]\n'files.write' = 'harmless'", "risk.files.write must be one of read"),
        (LEAST + "[tiers]\norder = ['best']", "tiers.order must be a list of solver"),
        (LEAST + "[tiers]\nrounds = { low = -1 }", "tiers.rounds.low must be a whole number"),
        (LEAST + "[tiers]\nrounds = { low = true }", "tiers.rounds.low must be a whole number"),
        (LEAST + "[tiers]\nrounds = { best = 1 }", "tiers.rounds.best is not known here"),
        (LEAST + "[commands]\npress = { target = '.c:p' }", "commands.press.help must be a text"),
        (LEAST + "[commands]\npress = 3", "commands.press must be a table"),
        (LEAST + "risk = 3", "risk must be a table"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_manifest(path)
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)


def test_a_name_must_be_there_once_only(tmp_path: Path) -> None:
    write(tmp_path / "one", LEAST)
    write(tmp_path / "two", LEAST)
    with pytest.raises(ConfigError, match="'press' exists already"):
        read_manifests([tmp_path / "one", tmp_path / "two"])
    with pytest.raises(ConfigError, match="no such folder"):
        read_manifests([tmp_path / "three"])


def plugin(folder: Path, body: str) -> Manifest:
    path = write(folder, LEAST)
    (path.parent / "__init__.py").write_text('"""A plug-in."""\n')
    (path.parent / "specialist.py").write_text(body)
    return read_manifest(path)


def test_a_plug_in_folder_loads_its_own_modules(tmp_path: Path) -> None:
    (tmp_path / "press").mkdir()
    (tmp_path / "press" / "value.py").write_text("VALUE = 7\n")
    manifest = plugin(tmp_path, "from .value import VALUE\n\n\ndef build():\n    return VALUE\n")
    assert load(manifest, manifest.specialist)() == 7


def test_two_plug_ins_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    first = plugin(tmp_path / "a", "build = 1\n")
    second = plugin(tmp_path / "b", "build = 2\n")
    assert (load(first, first.specialist), load(second, second.specialist)) == (1, 2)


@pytest.mark.parametrize(
    ("body", "target", "message"),
    [
        ("build = 1\n", ".other:build", "cannot be loaded"),
        ("build = 1\n", ".specialist:make", "no make in"),
        ("import no_such_library\n", ".specialist:build", "no_such_library"),
    ],
)
def test_what_cannot_be_loaded_is_said(tmp_path: Path, body: str, target: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(plugin(tmp_path, body), target)


def test_files_by_reference_need_somebody_who_knows_them(tmp_path: Path) -> None:
    whole = LEAST + '[routing]\nclassify = ".files:classify"\ninputs = ".files:inputs"\nby_reference = true\n'
    assert read_manifest(write(tmp_path, whole)).routing.by_reference
    for wrong in (whole.replace('inputs = ".files:inputs"\n', ""), whole.replace("= true", '= "yes"')):
        with pytest.raises(ConfigError, match=r"routing\.by_reference "):
            read_manifest(write(tmp_path, wrong))
