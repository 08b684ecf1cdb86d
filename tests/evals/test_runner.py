"""The runner: every case once, also across a kill; errors are rows; files of other runs are refused."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opswright.errors import BudgetSpent, InputError, StoreFailed
from opswright.evals.digests import code_digest
from opswright.evals.results import ResultFile
from opswright.evals.rows import digest_of, timeless
from opswright.evals.runner import Allowance, run_part
from opswright.evals.suites import Case
from opswright.nouns import Budget

from .counting import HEADER, Counting, main

PROGRAM = Path(__file__).with_name("counting.py")


def _results(path: Path) -> ResultFile:
    results = ResultFile(path, HEADER)
    results.open()
    return results


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("")
    killed = subprocess.run([sys.executable, PROGRAM, tmp_path, "6"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert log.read_text().split() == ["0", "1", "2", "3", "4", "5", "6"]
    done = subprocess.run([sys.executable, PROGRAM, tmp_path, "6"], check=False)
    assert done.returncode == 0
    assert log.read_text().split() == ["0", "1", "2", "3", "4", "5", "6", "6", "7", "8", "9"]
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert [line["row"]["square"] for line in lines[1:]] == [at * at for at in range(10)]


def test_a_half_written_line_is_measured_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("")
    main(tmp_path, -1)
    rows = tmp_path / "rows.jsonl"
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-9])
    log.write_text("")
    main(tmp_path, -1)
    assert log.read_text().split() == ["9"]
    again = rows.read_bytes()
    assert again.splitlines()[:-1] == whole.splitlines()[:-1]
    assert timeless(json.loads(again.splitlines()[-1])) == timeless(json.loads(whole.splitlines()[-1]))


def test_several_processes_give_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # worker processes import this package by its name
    log = tmp_path / "log"
    log.write_text("")
    alone = run_part(Counting(log), _results(tmp_path / "a"), jobs=1, limit=7, progress=lambda *_: None)
    shared = run_part(Counting(log), _results(tmp_path / "b"), jobs=2, limit=7, progress=lambda *_: None)
    assert digest_of(alone.figures) == digest_of(shared.figures)
    assert list(alone.figures) == [f"n{at}" for at in range(7)]
    assert sorted(log.read_text().split()) == sorted([str(at) for at in range(7)] * 2)


def test_a_failing_tool_is_a_row(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("")
    summary = run_part(Counting(log, fail_at=3), _results(tmp_path / "a"), jobs=1, limit=None, progress=lambda *_: None)
    assert summary.figures["n3"] == {"error": "ToolFailed: no square today"}
    assert timeless(summary.figures["n4"]) == {"square": 16}


def test_progress_counts_what_was_there(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("")
    told: list[tuple[str, int, int]] = []
    run_part(Counting(log), _results(tmp_path / "a"), jobs=1, limit=2, progress=lambda *step: told.append(step))
    results = _results(tmp_path / "a")
    run_part(Counting(log), results, jobs=1, limit=3, progress=lambda *step: told.append(step))
    assert told == [("counting", 0, 2), ("counting", 1, 2), ("counting", 2, 2), ("counting", 2, 3), ("counting", 3, 3)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema":"opswright-eval/1","suite":"counting","seed":2}\n', "another seed"),
        ('{"anything":1}\n', "not a result file"),
        ("hello\n", "not a line of a result file"),
    ],
)
def test_a_file_of_another_run_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        _results(path)
    assert path.read_text() == content


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="cannot be written"):
        _results(tmp_path / "file" / "rows.jsonl")


def test_code_digest_follows_links_and_content(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.py").write_text("a = 1\n")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "linked").symlink_to("../elsewhere")
    before = code_digest(tmp_path / "root")
    (tmp_path / "elsewhere" / "a.py").write_text("a = 2\n")
    assert code_digest(tmp_path / "root") != before


def test_seconds_count_from_the_runs_beginning(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("")
    clock = iter([10.0, 11.0, 12.0, 13.0])
    allowance = Allowance(Budget(seconds=2.5), lambda: next(clock), began=10.0)
    results = _results(tmp_path / "a")
    with pytest.raises(BudgetSpent, match=r"took 3 of 2\.5 seconds; --max-seconds"):
        run_part(Counting(log), results, limit=None, progress=lambda *_: None, allowance=allowance)
    assert set(results.of("counting")) == {"n0", "n1", "n2"}


def test_an_id_is_there_once(tmp_path: Path) -> None:
    class Twice(Counting):
        def cases(self) -> list[Case]:
            return [Case("a", {"at": 1}), Case("a", {"at": 2})]

    with pytest.raises(InputError, match="part counting has more than one case a"):
        run_part(Twice(tmp_path / "log"), _results(tmp_path / "a"), limit=None, progress=lambda *_: None)


def test_a_file_without_room_is_one_error_also_when_it_is_closed(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    results = _results(tmp_path / "rows.jsonl")
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "rows.jsonl").stat().st_size + 5, hard))
    try:
        with pytest.raises(StoreFailed, match=r"rows\.jsonl: the result file cannot be written"):
            results.add("p", "a", {"passed": True})
        results.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
