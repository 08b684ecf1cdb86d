"""A second specialist is added to a copy of the project as one folder each, and works everywhere at once.

`one-folder-each/` is laid over the copy: nothing in it exists in the project, and nothing that exists is changed, which
the last test compares by digest. The copy's program, its checks and its evaluations then know of the greenhouse.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opswright.redaction import Redactor
from opswright.sandboxes.environments.transcript import TranscriptRecorder
from tests.cli.program import Program, Ran, new_program
from tests.tools.models.server import Server, completion

ROOT = Path(__file__).parents[2]
ADDED = Path(__file__).parent / "one-folder-each"
PROJECT = ("agents", "tools", "knowledge", "sandboxes", "evals", "prompts", "src", "tests", "docs")
FILES = ("pyproject.toml", "README.md", "requirements.lock", "requirements-uv.lock", ".gitignore")
FOLDERS = {
    "agents/greenhouse",
    "tools/greenhouse",
    "prompts/greenhouse",
    "evals/cases/greenhouse",
    "tests/agents/greenhouse",
}
COLD = {"vent_percent": 20, "heating_c": 18}
WARM = {"vent_percent": 20, "heating_c": 20}
PAGE = "docs/greenhouse.md"
CASE = Path("evals/cases/greenhouse/cold-week")


def digests(root: Path) -> dict[str, str]:
    """Every file below a folder, by its path there; links by where they point."""
    found = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in ("__pycache__", ".pytest_cache", ".hypothesis")]
        for path in [Path(folder) / name for name in [*names, *folders]]:
            if path.is_symlink():
                found[str(path.relative_to(root))] = str(path.readlink())
            elif path.is_file():
                found[str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


class Always:
    """Sensors that always say the same."""

    name = "sensors"

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        return [8.0]

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Grown:
    """The copy with the second specialist, and what it was before."""

    root: Path
    before: dict[str, str]

    def program(self, folder: Path) -> "Gardener":
        """The copy's program with an empty home, beside a greenhouse's controller."""
        folder.mkdir()
        program = new_program(folder)
        (program.folder / "controller.json").write_text(json.dumps(COLD))
        return Gardener(program, self.root)


@dataclass(frozen=True)
class Gardener:
    """Somebody who uses the copy's program."""

    program: Program
    root: Path

    def __call__(self, *arguments: str | Path, **extra: str) -> Ran:
        return self.program(*arguments, extra={"PYTHONPATH": str(self.root / "src"), **extra})

    @property
    def controller(self) -> Any:
        return json.loads((self.program.folder / "controller.json").read_text())


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    root = tmp_path_factory.mktemp("grown") / "project"
    root.mkdir()
    for name in PROJECT:
        shutil.copytree(ROOT / name, root / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.part"))
    for name in FILES:
        shutil.copy2(ROOT / name, root / name)
    before = digests(root)
    shutil.copytree(ADDED, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    yield Grown(root, before)
    shutil.rmtree(root)


@pytest.fixture
def gardener(grown: Grown, tmp_path: Path) -> Gardener:
    return grown.program(tmp_path / "gardener")


def test_it_is_one_folder_each_and_nothing_that_exists() -> None:
    added = set(digests(ADDED))
    assert {next((one for one in FOLDERS if path.startswith(f"{one}/")), path) for path in added} == FOLDERS | {PAGE}
    assert not [path for path in added if (ROOT / path).exists()]
    assert not [folder for folder in FOLDERS if (ROOT / folder).exists()]


def test_its_command_is_there_and_tunes(gardener: Gardener) -> None:
    """Two trials, both of which change the controller and are undone; the second is adopted, and can be undone."""
    assert "greenhouse" in gardener("--help").stdout
    ran = gardener("greenhouse", "tune", "controller.json", "--yes", "--json")
    assert ran.code == 0, ran.stderr
    told = ran.envelope()
    assert told["result"]["settings"] == WARM and told["result"]["trials"] == 2
    assert gardener.controller == WARM
    assert gardener("verify", told["receipts"][0]).code == 0
    standing = gardener("undo", "--json").envelope()["result"]
    (change,) = standing["standing"]
    assert change["effect"] == "greenhouse.setting"
    assert gardener("undo", str(change["id"])).code == 0
    assert gardener.controller == COLD


def test_its_receipt_is_verified_live_and_applied_later(gardener: Gardener) -> None:
    """Outside any run it has the surroundings it would have in one."""
    told = gardener("greenhouse", "tune", "controller.json", "--yes", "--json").envelope()
    (receipt,) = told["receipts"]
    live = gardener("verify", receipt, "--live", "--json")
    assert live.code == 0, live.stderr
    assert live.envelope()["result"]["live"]["outcome"] == "accepted"
    (change,) = gardener("undo", "--json").envelope()["result"]["standing"]
    assert gardener("undo", str(change["id"])).code == 0
    assert gardener("verify", receipt, "--live").code != 0 and gardener.controller == COLD
    applied = gardener("apply", receipt, "--yes", "--json")
    assert applied.code == 0, applied.stderr
    assert applied.envelope()["result"]["applied"] and gardener.controller == WARM
    (again,) = applied.envelope()["result"]["undo"]
    assert gardener("undo", str(again)).code == 0
    assert gardener.controller == COLD


def test_it_has_settings_of_its_own(gardener: Gardener) -> None:
    shown = gardener("config", "--json").envelope()["result"]["specialists.greenhouse.days"]
    assert shown == {"value": 4, "source": "default"}
    config = Path(gardener.program.environment["HOME"]) / ".config/opswright/config.toml"
    config.parent.mkdir(parents=True)
    project = gardener.program.folder / ".opswright.toml"

    def pairs(own: str, theirs: str = "") -> int:
        config.write_text(own)
        project.write_text(theirs)
        ran = gardener("greenhouse", "tune", "controller.json", "--yes", "--json")
        if ran.code:
            assert ran.code == 2 and gardener.controller == COLD
            return -len(ran.error_line().splitlines())
        (change,) = gardener("undo", "--json").envelope()["result"]["standing"]
        assert gardener("undo", str(change["id"])).code == 0
        receipt = json.loads(Path(ran.envelope()["receipts"][0]).read_text())
        return len(receipt["evidence"]["trials"][-1]["observation"]["values"]["pairs"])

    table = "[specialists.greenhouse]\n"
    assert pairs(f"{table}days = 5") == 5
    assert pairs(f"{table}days = 5", f"{table}days = 2") == 2
    assert "config.toml:2" in gardener("config", "--json").stdout.replace(".opswright.toml", "config.toml")
    for own, theirs, said in (
        (
            f"{table}days = 5",
            f"{table}days = 6",
            "may only narrow, and `specialists.greenhouse.days` = 6 is more than 5",
        ),
        (f"{table}days = 99", "", "setting `specialists.greenhouse.days`: Input should be less"),
        (f"{table}weeks = 1", "", "unknown setting `specialists.greenhouse.weeks`"),
        ("", f"{table}weeks = 1", "unknown setting `specialists.greenhouse.weeks`"),
        ("[specialists.nobody]\nx = 1", "", "there is no such specialist"),
        ("[specialists]\ngreenhouse = 1", "", "setting `specialists.greenhouse`"),
        ("", "[specialists]\ngreenhouse = 1", "setting `specialists`: must be tables"),
    ):
        assert pairs(own, theirs) == -1
        assert said in gardener("config").error_line(), said


def test_a_request_in_words_reaches_it_and_waits_for_a_person(gardener: Gardener) -> None:
    asked = gardener("-p", "Make the tomatoes in the greenhouse grow faster", "--file", "controller.json", "--json")
    assert asked.code == 5 and gardener.controller == COLD
    error = asked.envelope()["error"]
    assert "heating_c': 22" in asked.stderr or "greenhouse.setting" in error["message"]
    assert gardener("approve", error["action_hash"]).code == 0
    assert gardener.controller == COLD, "a grant is leave, not the deed"
    request = ["-p", "Make the tomatoes in the greenhouse grow faster", "--file", "controller.json"]
    done = gardener(*request, "--yes", "--json")
    assert done.code == 0, done.stderr
    assert gardener.controller == WARM


def test_a_dry_run_changes_nothing(gardener: Gardener) -> None:
    gardener("greenhouse", "tune", "controller.json", "--yes", "--dry-run")
    assert gardener.controller == COLD


def test_its_model_tier_looks_at_the_sensors_first(gardener: Gardener) -> None:
    server = Server()
    try:
        server.script(
            completion(None, [("greenhouse_sensor", '{"sensor": "soil", "days": 3}')], finish="tool_calls"),
            completion(None, [("greenhouse_sensor", '{"sensor": "air", "days": 3}')], finish="tool_calls"),
            completion(None, [("answer", '{"vent_percent": 20, "heating_c": 99, "reason": "x"}')], finish="tool_calls"),
            completion(None, [("answer", '{"vent_percent": 20, "heating_c": 20, "reason": "x"}')], finish="tool_calls"),
        )
        told = gardener(
            *("greenhouse", "tune", "controller.json", "--yes", "--json", "--tier", "low", "--max-tokens", "200000"),
            OPENAI_BASE_URL=server.url,
            XDG_CACHE_HOME=str(gardener.program.folder),
        )
        assert told.code == 0, told.stderr
        server.finished()
    finally:
        server.close()
    assert gardener.controller == WARM
    said = [message["content"] for message in server.requests[-1]["messages"] if message["role"] == "tool"]
    assert (
        "failed: there is no sensor soil" in said[0] and "[7.5, 9.0, 12.5]" in said[1] and "not on the grid" in said[2]
    )


def test_its_evaluation_is_found_and_runs_over_its_recorded_environment(gardener: Gardener) -> None:
    assert "greenhouse" in gardener("eval", "list").stdout
    ran = gardener("eval", "run", "greenhouse", "--json")
    assert ran.code == 0, ran.stderr
    rows = [json.loads(line) for line in Path(ran.envelope()["result"]["results"]).read_text().splitlines()[1:]]
    assert [(row["case"], row["row"]["passed"]) for row in rows] == [("cold-week", True)], rows


@pytest.fixture
def garden(gardener: Gardener, grown: Grown, tmp_path: Path) -> Callable[[], str]:
    """The suite as a plug-in, to be spoilt; gives the error of its one case."""
    suites = tmp_path / "suites"
    shutil.copytree(grown.root / "evals/cases/greenhouse", suites / "garden")

    def error() -> str:
        ran = gardener("eval", "run", "garden", "--suites", suites, "--json")
        rows = [json.loads(line) for line in Path(ran.envelope()["result"]["results"]).read_text().splitlines()[1:]]
        return str(rows[0]["row"]["error"])

    return error


def test_without_the_recording_the_row_says_how_to_record_it(garden: Callable[[], str], tmp_path: Path) -> None:
    (tmp_path / "suites/garden/cold-week/environment/house.surface.jsonl").unlink()
    assert "no recording of house is there; record it with opswright eval run garden --record" in garden()


def test_recorded_calls_that_are_not_made_are_an_error_too(garden: Callable[[], str], tmp_path: Path) -> None:
    path = tmp_path / "suites/garden/cold-week/environment/sensors.transcript.jsonl"
    more = TranscriptRecorder(path, Always(), name="sensors", command="COMMAND", redactor=Redactor())
    more.call("history", {"sensor": "air", "days": 7})
    more.call("history", {"sensor": "air", "days": 1})
    more.close()
    assert "1 of 2 recorded calls were not made, the first history" in garden()


def test_it_records_its_environment_again(gardener: Gardener, grown: Grown) -> None:
    ran = gardener("greenhouse", "record", "controller.json", "--into", "new")
    assert ran.code == 0, ran.stderr
    assert gardener.controller == COLD
    for name in ("house.surface.jsonl", "sensors.transcript.jsonl"):
        said = [json.loads(line) for line in (gardener.program.folder / "new" / name).read_text().splitlines()]
        kept = [json.loads(line) for line in (grown.root / CASE / "environment" / name).read_text().splitlines()]
        for row in [*said, *kept]:
            for varies in ("chain", "at", "seconds", "recorded", "command", "program"):
                row.pop(varies, None)
        assert said == kept


def test_the_project_s_own_checks_hold_for_it_too(grown: Grown) -> None:
    """Its prompt renders, its manifest is valid, its imports point one way, its tools have one name."""
    checks = ["tests/tools/models/test_prompts.py", "tests/agents/test_manifests.py", "tests/test_layers.py"]
    checks += ["tests/agents/greenhouse"]
    checks += ["tests/cli/test_readme.py::test_the_readme_or_a_page_of_its_own_names_every_command"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", *checks],
        cwd=grown.root,
        env={**os.environ, "PYTHONPATH": str(grown.root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "PASSED tests/tools/models/test_prompts.py::test_every_prompt_file_renders[greenhouse/advise]" in done.stdout
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", *sorted(FOLDERS - {"prompts/greenhouse"})]
    checked = subprocess.run(ruff, cwd=grown.root, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


def test_no_file_that_existed_was_touched(grown: Grown) -> None:
    after = digests(grown.root)
    assert {path: after.get(path) for path in grown.before} == grown.before
    assert set(after) - set(grown.before) == set(digests(ADDED))
