"""Exported logs: read back by inspect-ai they hold the ids, rows, scores and usage of the result file."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opswright.errors import StoreFailed
from opswright.evals.digests import Fingerprint
from opswright.evals.results import ResultSet, read_results
from opswright.settings import load_settings

from ..program import PLUGINS, log_of, probe_data, surroundings

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

pytest.importorskip("inspect_ai", reason="the extra opswright[inspect] is not installed")


# One process for several commands: the code that was loaded is the same, whoever edits it meanwhile.
COMMANDS = """
import json, sys
from opswright.cli.entry import run
for command in json.loads(sys.argv[1]):
    print("RAN", run(command), "inspect_ai" in sys.modules)
"""


def _run(at: Path, commands: Sequence[Sequence[str]]) -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, "-P", "-c", COMMANDS, json.dumps(commands)]
    return subprocess.run(arguments, cwd=at, env=surroundings(at), capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with a result file of both parts and its logs, and the data."""
    at, data = tmp_path_factory.mktemp("run"), probe_data(tmp_path_factory.mktemp("data"), {1: {"do": "fail"}}, count=4)
    run = ["eval", "run", "probe", *_where(data), "--out", "rows.jsonl"]
    done = _run(at, [run, ["eval", "export", "rows.jsonl", "--to", "logs", *_where(data)]])
    assert done.stdout.count("RAN 0") == 2, done.stdout + done.stderr
    assert "ids alone" not in done.stdout and "inspect view --log-dir logs" in done.stdout
    return at, data


@pytest.fixture(scope="module")
def logs(measured: tuple[Path, Path]) -> "tuple[EvalLog, EvalLog]":
    """The logs of both parts, as inspect reads them."""
    from inspect_ai.log import list_eval_logs, read_eval_log

    found = sorted(
        (read_eval_log(one) for one in list_eval_logs(str(measured[0] / "logs"))), key=lambda one: one.eval.task
    )
    deeds, secret = found
    return deeds, secret


def _where(data: Path) -> list[str]:
    return ["--suites", str(PLUGINS), "--data", str(data)]


def test_logs_hold_the_rows(measured: tuple[Path, Path], logs: "tuple[EvalLog, EvalLog]") -> None:
    ours = read_results(measured[0] / "rows.jsonl")
    for log, (part, rows) in zip(logs, ours.rows.items(), strict=True):
        assert log.eval.task == f"probe-{part}" and log.eval.metadata == {**ours.header, "part": part}
        samples = {str(one.id): one for one in log.samples or []}
        assert list(samples) == list(rows)
        assert samples["1"].error is not None and samples["1"].error.message == rows["1"]["error"]
        for id in ("0", "2", "3"):
            scores, output = samples[id].scores, samples[id].output
            assert scores is not None and scores["measured"].value == {"passed": 1.0}
            assert scores["measured"].metadata == rows[id] == json.loads(output.completion)
        assert log.results is not None and log.results.scores[0].metrics["passed"].value == 1.0
        assert log.results.completed_samples == 3
        assert [usage.input_tokens for usage in log.stats.model_usage.values()] == [0 + 2 + 3]


def test_nothing_was_run_again(measured: tuple[Path, Path], logs: "tuple[EvalLog, EvalLog]") -> None:
    assert log_of(measured[1]) == ["0", "1", "2", "3"] * 2


def test_cases_that_must_not_be_in_logs_are_not(logs: "tuple[EvalLog, EvalLog]") -> None:
    deeds, secret = logs
    assert '"do": "fail"' in str((deeds.samples or [])[1].input)
    assert (secret.samples or [])[1].input == "secret/1 (not shown: its data states no licence)"


def test_cases_of_other_data_are_not_shown_as_those_that_ran(measured: tuple[Path, Path], tmp_path: Path) -> None:
    from opswright.evals.inspecting.inputs import inputs_of

    results = read_results(measured[0] / "rows.jsonl")
    same = {part: dict.fromkeys(rows) for part, rows in results.rows.items()}
    header = {**results.header, "code": Fingerprint((PLUGINS / "probe",))()["code"]}
    results, settings = (
        replace(results, header=header),
        load_settings(environment={"HOME": str(tmp_path)}, folder=tmp_path),
    )
    found, why = inputs_of(results, settings, measured[1], (PLUGINS,), {})
    assert {part: dict.fromkeys(cases) for part, cases in found.items()} == same and not why
    other = shutil.copytree(measured[1], tmp_path / "data")
    (other / "probe" / "more.json").write_text("{}")
    assert inputs_of(results, settings, other, (PLUGINS,), {}) == ({}, "measured with another data")
    assert inputs_of(results, settings, None, (), {})[1].startswith("SUITE: there is no suite 'probe'")


def test_the_same_results_give_the_same_files(measured: tuple[Path, Path], tmp_path: Path) -> None:
    from opswright.evals.inspecting.export import write_logs

    results = read_results(measured[0] / "rows.jsonl")
    assert write_logs(results, {}, tmp_path) == write_logs(results, {}, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_made(measured: tuple[Path, Path], tmp_path: Path) -> None:
    from opswright.evals.inspecting.export import write_logs

    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="cannot be written: Not a directory"):
        write_logs(read_results(measured[0] / "rows.jsonl"), {}, tmp_path / "file" / "logs")


def test_a_result_file_does_not_choose_the_folder(tmp_path: Path) -> None:
    from opswright.evals.inspecting.export import write_logs

    (tmp_path / "rows.jsonl").write_text("")
    rows = {"../up": {"a": {"passed": True}}}
    [path] = write_logs(ResultSet(tmp_path / "rows.jsonl", {"suite": "../../far"}, rows), {}, tmp_path / "logs")
    assert list((tmp_path / "logs").iterdir()) == [path]


WITHOUT = "import sys; sys.modules['inspect_ai'] = None; from opswright.cli import main; sys.exit(main())"


def test_without_the_extra_one_line_says_what_to_install(measured: tuple[Path, Path]) -> None:
    command = [sys.executable, "-P", "-c", WITHOUT, "eval", "export", "rows.jsonl", "--to", "other"]
    done = subprocess.run(command, cwd=measured[0], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "pip install 'opswright[inspect]'" in done.stderr


def test_no_other_command_loads_inspect(measured: tuple[Path, Path]) -> None:
    at = measured[0]
    export = ["eval", "export", "rows.jsonl", "--to", "none", "--dry-run"]
    commands = [
        ["eval", "export", "--help"],
        ["eval", "list", "--suites", str(PLUGINS)],
        ["eval", "run", "routing", "--part", "development", "--limit", "1", "--out", "again.jsonl"],
        ["eval", "compare", "rows.jsonl", "rows.jsonl"],
        ["eval", "report", "rows.jsonl", "--out", "report.html"],
        ["doctor"],
        export,
    ]
    said = [line.split() for line in _run(at, commands).stdout.splitlines() if line.startswith("RAN")]
    assert [loaded for _, _, loaded in said] == ["False"] * (len(commands) - 1) + ["True"]
    assert [code for _, code, _ in said[:5]] == ["0"] * 5
    assert not (at / "none").exists()


def test_variants_are_figures_of_their_own(tmp_path: Path) -> None:
    from inspect_ai.log import read_eval_log

    from opswright.evals.inspecting.export import write_logs

    low, high = {"passed": False, "score": 0.5}, {"passed": True, "score": 1.0}
    rows = {"a": {**low, "rows": {"low": low, "high": high}}, "b": {**low, "rows": {"low": low}}, "c": {"square": 9}}
    path = tmp_path / "rows.jsonl"
    path.write_text("")
    [written] = write_logs(ResultSet(path, {"suite": "made"}, {"up": rows}), {}, tmp_path / "logs")
    log = read_eval_log(str(written))
    scores = [one.scores for one in log.samples or []]
    assert scores[0] is not None and scores[1] is not None
    own, both = {"passed": 0.0, "score": 0.5}, {"low passed": 0.0, "low score": 0.5}
    assert scores[0]["measured"].value == {**own, **both, "high passed": 1.0, "high score": 1.0}
    assert scores[1]["measured"].value == {**own, **both}
    assert not scores[2]  # the suite gives no figure: the row is shown, nothing is scored
    assert log.results is not None
    assert {name: one.value for name, one in log.results.scores[0].metrics.items() if "stderr" not in name} == {
        "passed": 0.0, "score": 0.5, "low passed": 0.0, "low score": 0.5, "high passed": 1.0, "high score": 1.0,
    }  # fmt: skip
