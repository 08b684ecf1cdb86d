"""Live cases: what they may do, what they share, and that whatever they leave in the world can be undone."""

import json
from pathlib import Path

import pytest

from opswright.evals.states import live_state, live_states, sweep
from tests.agents.plugins import make_specialist
from tests.cli.program import Program, new_program

TARGET = """
import contextlib, os

@contextlib.contextmanager
def opened(setup):
    log = os.environ["TARGET_LOG"]
    with open(log, "a") as file:
        file.write("opened ")
    yield {"port": 4711}
    with open(log, "a") as file:
        file.write("closed ")

def score(data, result):
    return {"passed": result["status"] == "accepted"}
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """With a suite of one case, whose specialist writes a file when it is allowed to."""
    program = new_program(tmp_path)
    suite = program.folder / "suites" / "garden"
    make_specialist(suite / "agents", "weave")
    (suite / "shared.py").write_text(TARGET)
    (suite / "suite.toml").write_text(
        'summary = "x"\nscorers = [".shared:score"]\nspecialists = ["agents"]\njobs = 1\ntarget = ".shared:opened"\n'
        '[budget]\ntrials = 3\n[approvals.environments.local]\nreversible = "allow"\n'
    )
    (suite / "one").mkdir()
    writes = json.dumps(str(program.folder / "written"))
    (suite / "one" / "case.toml").write_text(
        f'[task]\nspecialist = "weave"\ngoal = "weave it"\ninputs = {{ writes = {writes} }}\n'
    )
    return program


def run(program: Program, *more: str) -> dict[str, object]:
    log = {"TARGET_LOG": str(program.folder / "log")}
    ran = program("eval", "run", "garden", "--suites", "suites", "--out", "rows.jsonl", "--json", *more, extra=log)
    assert ran.code in (0, 6), ran.stderr
    (row,) = [json.loads(line)["row"] for line in (program.folder / "rows.jsonl").read_text().splitlines()[1:]]
    return dict(row)


def test_an_adopted_change_of_a_live_case_can_be_undone(program: Program) -> None:
    assert run(program, "--env", "live")["status"] == "accepted"
    assert (program.folder / "written").exists() and (program.folder / "log").read_text() == "opened closed "
    (change,) = program("undo", "--json").envelope()["result"]["standing"]
    name, _, seq = str(change["id"]).rpartition(":")
    assert name.endswith("/one") and seq.isdigit() and change["state"] == "adopted"
    assert "Left-over changes" in program("doctor").stdout
    assert program("undo", f"{name}x:{seq}").code == 2
    ran = program("undo", str(change["id"]), "--json")
    assert ran.code == 0 and ran.envelope()["result"]["undone"][0]["id"] == change["id"]
    assert not (program.folder / "written").exists()
    assert not list(live_states(program.state))


def test_recorded_it_is_strict_and_opens_nothing(program: Program) -> None:
    assert run(program)["status"] == "approval"
    assert not (program.folder / "written").exists() and not (program.folder / "log").exists()
    assert not (program.state / "evals" / "live").exists()


def test_a_case_has_its_own_approvals_and_budget(program: Program) -> None:
    case = program.folder / "suites" / "garden" / "one" / "case.toml"
    text = case.read_text()
    case.write_text(text + "[budget]\ntrials = 0\n")
    assert run(program, "--env", "live")["status"] == "budget"
    case.write_text(text + '[approvals.environments.local]\nreversible = "deny"\n')
    assert run(program, "--env", "live", "--fresh")["status"] == "approval"
    assert not list(live_states(program.state)), "nothing stands, so nothing is kept"
    case.write_text(text + "[budget]\ndollars = 1\n")
    ran = program("eval", "run", "garden", "--suites", "suites", "--json")
    assert ran.code == 2 and "budget.dollars" in ran.error_line()


def test_live_cases_that_share_a_target_do_not_run_side_by_side(program: Program) -> None:
    ran = program("eval", "run", "garden", "--suites", "suites", "--env", "live", "--jobs", "2")
    assert ran.code == 2 and "at most 1 at once" in ran.error_line()


def test_a_folder_is_swept_when_its_case_is_dead_and_nothing_stands(tmp_path: Path) -> None:
    with live_state(tmp_path, "r", "a/b") as one, live_state(tmp_path, "r", "a/b") as other:
        assert one.name == "a_b" and other.name == "a_b.2"
        sweep(tmp_path)
        assert [state.name for state in live_states(tmp_path)] == ["r/a_b", "r/a_b.2"]
        (other / "journal.sqlite3").write_text("no journal")
    assert [state.name for state in live_states(tmp_path)] == ["r/a_b.2"], "what cannot be read is kept"
    (other / "journal.sqlite3").unlink()
    sweep(tmp_path)
    assert not list(live_states(tmp_path)) and not (tmp_path / "evals/live/r").exists()
