"""Suites are found by their folders, the program's and a person's own; what is wrong with one is said by its place."""

import json
from pathlib import Path

import pytest

from opswright.errors import ConfigError
from opswright.evals.finding import Opening, find_suite, find_suites, open_parts, plugin_folders, setup_of
from opswright.settings import Settings
from tests.cli.test_help import HEAVY, loaded_by

from .program import PLUGINS, opswright, probe_data, result_of


def _settings(at: Path) -> Settings:
    return Settings(state_dir=at / "state", cache_dir=at / "cache", config_dir=at / "config")


def test_every_suite_of_the_program_opens(tmp_path: Path) -> None:
    suites = find_suites()
    assert {"policy", "walkthrough"} <= set(suites)
    for found in suites.values():
        suite = found.load()
        assert suite.summary and suite.parts
        assert set(suite.unrecordable) <= set(suite.parts)
        setup = setup_of(found, _settings(tmp_path), data=tmp_path if suite.data else None)
        assert [part.name for part in open_parts(suite, setup)] == list(suite.parts)


def test_nothing_of_cloudfix_is_recorded() -> None:
    assert {"smoke", "comparison"} <= set(find_suite("policy").load().unrecordable)


def test_plugins_come_by_option_and_by_environment(tmp_path: Path) -> None:
    by_option = opswright(tmp_path, "eval", "list", "--suites", str(PLUGINS), "--json")
    by_variable = opswright(tmp_path, "eval", "list", "--json", OPSWRIGHT_SUITES=f"{PLUGINS}:{tmp_path}")
    for done in (by_option, by_variable):
        found = {one["name"]: one for one in result_of(done)["suites"]}
        assert found["probe"]["plugin"] and set(found["probe"]["parts"]) == {"deeds", "secret"}
        assert not found["policy"]["plugin"]
    assert "probe" not in opswright(tmp_path, "eval", "list").stdout


def test_a_projects_file_cannot_name_suites(tmp_path: Path) -> None:
    (tmp_path / ".opswright.toml").write_text(f'suites = ["{PLUGINS}"]\n')
    done = opswright(tmp_path, "eval", "list")
    assert done.returncode == 2 and "suites" in done.stderr


def test_folders_are_absolute_so_that_workers_find_them() -> None:
    assert plugin_folders([Path("here")], {"OPSWRIGHT_SUITES": "there:"}) == (Path.cwd() / "here", Path.cwd() / "there")


def test_a_plugin_part_opens_by_itself_elsewhere(tmp_path: Path) -> None:
    import pickle

    found = find_suite("probe", [PLUGINS])
    data = probe_data(tmp_path / "data", {}, count=2)
    opening = Opening(found, setup_of(found, _settings(tmp_path), data=data), "deeds")
    part = pickle.loads(pickle.dumps(opening))()
    assert [part.run(case)["told"] for case in part.cases()] == [0, 1]


@pytest.mark.parametrize("arguments", [["eval", "--help"], ["eval", "list"], ["eval", "run", "--help"]])
def test_what_there_is_loads_nothing_heavy(arguments: list[str]) -> None:
    code, modules, stdout = loaded_by(*arguments)
    assert code == 0 and stdout.strip()
    assert not modules & {*HEAVY, "distributed", "dask", "inspect_ai", "docker"}


def _plugin(root: Path, name: str, code: str) -> Path:
    (root / name).mkdir(parents=True)
    (root / name / "__init__.py").write_text("")
    (root / name / "suite.py").write_text(code)
    return root


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("", r"suite\.py: must say SUITE = Suite\(...\)"),
        ("SUITE = 3\n", r"suite\.py: must say SUITE = Suite\(...\)"),
        ("import nothing_of_this_name\n", r"suite\.py: cannot be loaded: No module named"),
        ("def broken(:\n", r"suite\.py: cannot be loaded: invalid syntax"),
    ],
)
def test_a_broken_suite_is_named_and_hides_no_other(tmp_path: Path, code: str, message: str) -> None:
    root = _plugin(tmp_path / "suites", "broken", code)
    with pytest.raises(ConfigError, match=message):
        find_suite("broken", [root]).load()
    done = opswright(tmp_path, "eval", "list", "--suites", str(root))
    assert done.returncode == 0
    assert "broken: cannot be opened" in done.stdout and "policy: " in done.stdout


def test_a_suite_that_opens_other_parts_than_it_declares(tmp_path: Path) -> None:
    code = "from opswright.evals.suites import Suite\nSUITE = Suite('x', {'a': 'b'}, lambda setup: ())\n"
    found = find_suite("other", [_plugin(tmp_path, "other", code)])
    with pytest.raises(ConfigError, match="declares parts a and opens"):
        open_parts(found.load(), setup_of(found, _settings(tmp_path)))


def test_a_name_is_there_once(tmp_path: Path) -> None:
    root = _plugin(tmp_path, "policy", "")
    with pytest.raises(ConfigError, match="suite 'policy' exists already in"):
        find_suites([root])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nothing"), "SUITE: there is no suite 'nothing' (there is "),
        (("run", "walkthrough", "--part", "x"), "--part: there is no part 'x' (there is requests)"),
        (("run", "walkthrough", "--suites", "missing"), "missing: no such folder of suites"),
        (("case", "walkthrough", "nothing"), "nothing: there is no such case in requests"),
        (("run", "walkthrough", "--answered-by", "me"), "--answered-by: says who answers, and goes with --record"),
    ],
)
def test_bad_choices_are_one_line_and_exit_2(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = opswright(tmp_path, "eval", *arguments)
    assert done.returncode == 2
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_any_case_can_be_looked_at(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {1: {"wrong": True}}, count=2)
    command = ("eval", "case", "probe", "1", "--suites", str(PLUGINS), "--data", str(data))
    assert result_of(opswright(tmp_path, *command, "--json")) == {"part": "deeds", "case": "1", "wrong": True}
    secret = opswright(tmp_path, *command, "--part", "secret", "--json")
    assert result_of(secret)["part"] == "secret"
    folder = json.loads(opswright(tmp_path, "eval", "case", "walkthrough", "nothing-wrong").stdout)
    assert folder["files"] == ["case.toml", "policy.json", "requests.yaml"]
