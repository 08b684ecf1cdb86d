"""A suite that is a folder of cases alone: it runs through the product, and says what is wrong with its files."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from opswright.errors import ConfigError, InputError
from opswright.evals.cases import read_cases
from opswright.evals.finding import find_suite, open_parts, setup_of
from opswright.evals.folders import read_suite
from opswright.evals.plain import merged
from opswright.evals.scorers.expected import score
from opswright.settings import Settings

from .program import PLUGINS, opswright, result_of, rows_of


def test_the_walkthrough_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    command = ("eval", "run", "walkthrough", "--out", "rows.jsonl", "--json")
    done = opswright(tmp_path, *command, TMPDIR=str(tmp_path / "tmp"))
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "rows.jsonl")
    assert {id: row["missed"] for id, row in rows.items()} == {id: [] for id in rows}
    assert len(rows) == 5 and rows["locked-out-readers"]["tiers"] == [["solver", "accepted"]]
    assert not list((tmp_path / "tmp").iterdir()), "a state folder was not thrown away"
    assert not (tmp_path / "state").exists(), "a case wrote into the user's own state"


def test_rows_do_not_say_where_the_cases_lie(tmp_path: Path) -> None:
    """Recordings are found by what was asked, and rows are compared between machines."""
    source = find_suite("walkthrough").folder
    root = tmp_path / "somewhere else"
    shutil.copytree(source, root / "copied")
    command = ("eval", "run", "--json", "--out")
    here = opswright(tmp_path, *command, "a.jsonl", "walkthrough")
    there = opswright(tmp_path, *command, "b.jsonl", "copied", "--suites", str(root))
    assert there.returncode == 0, there.stderr
    assert result_of(here)["digest"] == result_of(there)["digest"]


def test_a_plugin_folder_with_a_scorer_of_its_own(tmp_path: Path) -> None:
    command = ("eval", "run", "folder_only", "--suites", str(PLUGINS), "--out", "rows.jsonl", "--jobs", "2")
    done = opswright(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    row = rows_of(tmp_path / "rows.jsonl")["greets"]
    assert row["passed"] and row["words"] >= 0 and row["missed"] == []


def test_a_task_goes_to_its_specialist_with_texts_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "suites" / "tasks"
    case = folder / "strict"
    case.mkdir(parents=True)
    (folder / "suite.toml").write_text('summary = "Tasks."\n')
    source = find_suite("walkthrough").folder / "locked-out-readers"
    for name in ("policy.json", "requests.yaml"):
        shutil.copy(source / name, case)
    (case / "case.toml").write_text("""
[task]
specialist = "nobody"
goal = "Repair it."
[task.files]
policy = "policy.json"
[expect]
status = "error"
""")
    command = ("eval", "run", "tasks", "--suites", str(tmp_path / "suites"), "--out", "rows.jsonl")
    done = opswright(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    row = rows_of(tmp_path / "rows.jsonl")["strict"]
    assert row["passed"] and "the specialist 'nobody' is not available" in row["reason"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "summary must be a text that is not empty"),
        ('summary = "x"\nanything = 1', "anything is not known here"),
        ('summary = "x"\nscorers = "expected"', "scorers must be a list of texts"),
        ('summary = "x"\n[parts]\na = 1', "parts must be a table of tables"),
        ('summary = "x"\n[parts.a]\nb = 1', "parts.a.b is not known here"),
        ('summary = "x"\nspecialists = ["../x"]', "specialists is for plug-in suites"),
        ("summary = ", "cannot be read"),
    ],
)
def test_a_broken_suite_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_suite(path)


def test_a_scorer_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "suite.toml").write_text('summary = "x"\nscorers = ["nothing"]')
    found = find_suite("s", [tmp_path])
    settings = Settings(state_dir=tmp_path, cache_dir=tmp_path, config_dir=tmp_path)
    with pytest.raises(ConfigError, match="there is no scorer 'nothing'"):
        open_parts(found.load(), setup_of(found, settings))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("", "must say either `request` or `\\[task\\]`"),
        ('request = "x"\n[task]\ngoal = "y"', "must say either"),
        ('request = "x"\nfiles = ["../suite.toml"]', "there is no file ../suite.toml in its folder"),
        ('request = "x"\nfiles = ["/etc/hostname"]', "there is no file /etc/hostname in its folder"),
        ('request = "x"\nfiles = "a"', "files must be a list of names"),
        ('[task]\ngoal = "y"', "needs specialist and goal"),
        ('task = "y"', "needs specialist and goal"),
        ('request = "Good morning!"', "\\[expect\\]: a case must say what it expects"),
        ('request = "Good morning!"\n[expect]\nmood = "good"', "\\[expect\\] mood: is not known here"),
    ],
)
def test_a_broken_case(tmp_path: Path, case: str, message: str) -> None:
    folder = tmp_path / "s"
    (folder / "one").mkdir(parents=True)
    (folder / "suite.toml").write_text('summary = "x"')
    (folder / "one" / "case.toml").write_text(case)
    found = find_suite("s", [tmp_path])
    settings = Settings(state_dir=tmp_path / "state", cache_dir=tmp_path, config_dir=tmp_path)
    (part,) = open_parts(found.load(), setup_of(found, settings))
    with pytest.raises(InputError, match=message):
        part.run(read_cases(folder)[0])


RESULT: dict[str, Any] = {
    "status": "accepted",
    "tier": "solver",
    "answer": "Two things Changed.",
    "tasks": [{"specialist": "policy"}, {"specialist": "logs"}],
    "result": {"edits": [{"n": 1, "sure": True}], "empty": None},
}


@pytest.mark.parametrize(
    ("expect", "passed", "share"),
    [
        ({"status": "accepted"}, True, 1.0),
        ({"status": "rejected"}, False, 0.0),
        ({"status": "accepted", "tier": "low"}, False, 0.5),
        ({"specialists": ["policy", "logs"]}, True, 1.0),
        ({"specialists": ["logs", "policy"]}, False, 0.0),
        ({"specialists": []}, False, 0.0),
        ({"answer": ["changed", "two"]}, True, 1.0),
        ({"answer": ["nothing"]}, False, 0.0),
        ({"result": {"edits.0.n": 1}}, True, 1.0),
        ({"result": {"edits.0.n": True}}, False, 0.0),
        ({"result": {"edits.0.sure": 1}}, False, 0.0),
        ({"result": {"edits.1.n": 1}}, False, 0.0),
        ({"result": {"edits.-1.n": 1}}, False, 0.0),
        ({"absent": ["edits.1", "policy"]}, True, 1.0),
        ({"absent": ["empty"]}, False, 0.0),
    ],
)
def test_the_scorer_of_expectations(expect: dict[str, Any], passed: bool, share: float) -> None:
    found = score({"expect": expect}, RESULT)
    assert (found["passed"], found["score"]) == (passed, share)
    assert bool(found["missed"]) is not passed


def test_several_scorers() -> None:
    found = merged([{"passed": True, "score": 1.0, "a": 1}, {"passed": False, "score": 0.5, "b": 2}, {"c": 3}])
    assert found == {"passed": False, "score": 0.75, "a": 1, "b": 2, "c": 3}
    assert merged([{"c": 3}]) == {"c": 3}
