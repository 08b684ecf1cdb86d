"""A run goes on: after kill -9, after Ctrl-C, after failures of the environment; with one process and with several."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.processes import is_gone, wait_for

from .program import log_of, opswright, probe_data, result_of, rows_of, run_probe, started


def test_kill_9_loses_no_row_and_runs_no_case_twice(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {6: {"do": "kill", "once": True}})
    command = run_probe(data, "--out", "rows.jsonl", "--json")
    killed = opswright(tmp_path, *command)
    assert killed.returncode == -signal.SIGKILL
    assert log_of(data) == ["0", "1", "2", "3", "4", "5", "6"]
    before = (tmp_path / "rows.jsonl").read_bytes()
    done = opswright(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert log_of(data) == ["0", "1", "2", "3", "4", "5", "6", "6", "7", "8", "9"]
    assert (tmp_path / "rows.jsonl").read_bytes().startswith(before)
    whole = opswright(tmp_path, *run_probe(data, "--out", "whole.jsonl", "--json"))
    assert result_of(whole)["digest"] == result_of(done)["digest"]


@pytest.mark.parametrize("cut", [1, 20])
def test_a_line_that_was_cut_off_is_measured_again(tmp_path: Path, cut: int) -> None:
    data = probe_data(tmp_path / "data", {}, count=3)
    command = run_probe(data, "--out", "rows.jsonl", "--json")
    first = opswright(tmp_path, *command)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    second = opswright(tmp_path, *command)
    assert log_of(data) == ["0", "1", "2", "2"]
    assert result_of(first)["digest"] == result_of(second)["digest"]


def test_a_failed_environment_is_a_row_and_is_tried_again(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {1: {"do": "fail", "once": True}}, count=3)
    command = run_probe(data, "--out", "rows.jsonl", "--json")
    first = opswright(tmp_path, *command)
    assert first.returncode == 0, first.stderr
    assert rows_of(tmp_path / "rows.jsonl")["1"] == {"error": "EnvironmentFailed: the weather"}
    took = result_of(first)["took"]["deeds"]
    assert (took["cases"], took["failed"]) == (2, 1)
    second = opswright(tmp_path, *command)
    assert log_of(data) == ["0", "1", "2", "1"]
    assert rows_of(tmp_path / "rows.jsonl")["1"]["told"] == 1
    assert result_of(second)["took"]["deeds"]["failed"] == 0


def test_nothing_measured_at_all_ends_with_6(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {0: {"do": "fail"}, 1: {"do": "fail"}}, count=2)
    done = opswright(tmp_path, *run_probe(data, "--json"))
    assert done.returncode == 6
    envelope = json.loads(done.stdout)
    assert "nothing was measured" in envelope["error"]["message"] and "the weather" in envelope["error"]["message"]
    assert envelope["result"]["took"]["deeds"]["failed"] == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_stops_at_once_and_the_run_goes_on(tmp_path: Path, jobs: int) -> None:
    data = probe_data(tmp_path / "data", {4: {"do": "wait", "once": True}}, count=6)
    os.mkfifo(data / "probe" / "gate")
    command = run_probe(data, "--out", "rows.jsonl", "--json", "--jobs", str(jobs))
    running = started(tmp_path, *command)
    wait_for(lambda: "4" in log_of(data), "the case that waits")
    if jobs == 2:  # the other process gets on meanwhile
        wait_for(lambda: len(rows_of(tmp_path / "rows.jsonl")) == 5, "the other cases")
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: every process of the group
    stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "the same command goes on in rows.jsonl" in stderr
    assert (data / "probe" / "cleaned-4").exists(), "the case was not let clean up"
    assert json.loads(stdout)["status"] == "error"
    done = opswright(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert sorted(log_of(data)) == ["0", "1", "2", "3", "4", "4", "5"]
    assert result_of(done)["took"]["deeds"]["cases"] == 6


def test_two_runs_do_not_write_to_one_file(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {1: {"do": "wait", "once": True}}, count=3)
    os.mkfifo(data / "probe" / "gate")
    running = started(tmp_path, *run_probe(data, "--out", "rows.jsonl"))
    wait_for(lambda: "1" in log_of(data), "the case that waits")
    other = opswright(tmp_path, *run_probe(data, "--out", "rows.jsonl"))
    assert other.returncode == 6
    assert "another run writes to it" in other.stderr
    (data / "probe" / "gate").write_text("go on")
    _, stderr = running.communicate(timeout=60)
    assert running.returncode == 0, stderr
    assert log_of(data) == ["0", "1", "2"]


def test_a_bug_in_a_case_ends_the_run_and_keeps_the_rows(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {2: {"do": "raise"}}, count=4)
    done = opswright(tmp_path, *run_probe(data, "--out", "rows.jsonl"))
    assert done.returncode == 70
    assert "Traceback" not in done.stderr
    assert set(rows_of(tmp_path / "rows.jsonl")) == {"0", "1"}


def test_a_spent_budget_begins_no_further_case_and_more_budget_goes_on(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {}, count=6)  # case N takes N tokens
    command = run_probe(data, "--out", "rows.jsonl", "--json")
    spent = opswright(tmp_path, *command, "--max-tokens", "5")
    assert spent.returncode == 4, spent.stderr
    assert "took 6 of 5 tokens; --max-tokens sets the limit" in json.loads(spent.stdout)["error"]["message"]
    assert log_of(data) == ["0", "1", "2", "3"]
    assert opswright(tmp_path, *command, "--max-tokens", "5").returncode == 4
    assert opswright(tmp_path, *command).returncode == 0
    assert log_of(data) == ["0", "1", "2", "3", "4", "5"]


def test_kill_9_of_the_one_that_asked_leaves_no_process_behind(tmp_path: Path) -> None:
    data = probe_data(tmp_path / "data", {0: {"do": "wait"}, 1: {"do": "wait"}}, count=2)
    os.mkfifo(data / "probe" / "gate")
    running = started(tmp_path, *run_probe(data, "--jobs", "2"))
    wait_for(lambda: len(log_of(data)) == 2, "both cases")
    workers = [int(line.split()[1]) for line in (data / "probe" / "log").read_text().splitlines()]
    running.kill()
    running.wait()
    wait_for(lambda: all(map(is_gone, workers)), "the processes that ran the cases")
    assert (data / "probe" / "cleaned-0").exists() and (data / "probe" / "cleaned-1").exists()
