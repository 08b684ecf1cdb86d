"""A suite as a task: inspect-ai's log holds the rows that our own runner measures, and their scores."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opswright.evals.results import read_results
from opswright.evals.rows import digest_of
from opswright.nouns import Json

from ..program import PLUGINS, log_of, opswright, probe_data, run_probe, surroundings

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

pytest.importorskip("inspect_ai", reason="the extra opswright[inspect] is not installed")

DEEDS: Mapping[int, Mapping[str, Json]] = {3: {"do": "fail"}, 5: {"wrong": True}}
RUN = """
import sys
from inspect_ai import eval
from opswright.evals.inspecting.tasks import suite
[log] = eval(suite("probe", data=sys.argv[1], suites=sys.argv[2]), log_dir=sys.argv[3], display="none", model="none")
print(log.location)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return probe_data(tmp_path_factory.mktemp("data"), DEEDS, count=6)


@pytest.fixture(scope="module")
def log(data: Path, tmp_path_factory: pytest.TempPathFactory) -> "EvalLog":
    """The log of a run by inspect in a process of its own: it arranges logging and more for the whole process."""
    from inspect_ai.log import read_eval_log

    at = tmp_path_factory.mktemp("inspect")
    arguments = [sys.executable, "-P", "-c", RUN, str(data), str(PLUGINS), str(at / "logs")]
    done = subprocess.run(arguments, cwd=at, env=surroundings(at), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return read_eval_log(done.stdout.split()[-1])


def _rows(log: "EvalLog") -> dict[str, Any]:
    """The rows as the scores carry them."""
    return {str(one.id): one.scores["measured"].metadata for one in log.samples or [] if one.scores}


def test_each_case_ran_once_in_its_order(log: "EvalLog", data: Path) -> None:
    assert [one.id for one in log.samples or []] == [str(at) for at in range(6)]
    assert log_of(data)[:6] == [str(at) for at in range(6)]


def test_the_rows_are_those_of_our_runner(log: "EvalLog", data: Path, tmp_path: Path) -> None:
    done = opswright(tmp_path, *run_probe(data, "--out", "rows.jsonl"))
    assert done.returncode == 0, done.stderr
    ours = dict(read_results(tmp_path / "rows.jsonl").rows["deeds"])
    failed = {id: ours.pop(id) for id in ("3",)}
    assert digest_of(_rows(log)) == digest_of(ours)
    sample = next(one for one in log.samples or [] if one.id == "3")
    assert sample.error is not None and failed["3"]["error"] in sample.error.message
    assert not sample.scores


def test_scores_and_what_was_taken(log: "EvalLog") -> None:
    assert log.status == "success" and log.results is not None
    values = {one.id: one.scores["measured"].value for one in log.samples or [] if one.scores}
    assert values == {str(at): {"passed": 0.0 if at == 5 else 1.0} for at in (0, 1, 2, 4, 5)}
    [score] = log.results.scores
    assert score.metrics["passed"].value == pytest.approx(4 / 5)
    assert score.metrics["passed stderr"].value == pytest.approx((0.16 / 4) ** 0.5)
    assert [usage.total_tokens for usage in log.stats.model_usage.values()] == [0 + 1 + 2 + 4 + 5]
    assert log.eval.model == "none/none"


def test_the_log_says_what_was_run(log: "EvalLog") -> None:
    assert log.eval.metadata is not None
    assert {"suite": "probe", "part": "deeds", "seed": 1}.items() <= log.eval.metadata.items()
    assert {"code", "data"} <= log.eval.metadata.keys()
    sample = next(one for one in log.samples or [] if one.id == "5")
    assert '"wrong": true' in str(sample.input) and '"told": 25' in sample.output.completion
