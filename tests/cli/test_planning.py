"""`-p REQUEST --dry-run`: the plan, and nothing run; what is planned for nobody's specialist, run."""

import json
import re

import pytest

from tests.cli.program import Program


def plan(program: Program, request: str, *more: str) -> dict[str, object]:
    ran = program("-p", request, "--dry-run", "--json", *more)
    assert ran.code == 0
    envelope = ran.envelope()
    assert (envelope["command"], envelope["status"], envelope["error"]) == ("request", "done", None)
    assert envelope["usage"]["calls"] == 0
    result: dict[str, object] = envelope["result"]
    return result


def told(result: dict[str, object], name: str) -> list[object]:
    """One value of each task."""
    found = result["tasks"]
    assert isinstance(found, list)
    return [one[name] for one in found]


def tasks(result: dict[str, object]) -> list[tuple[object, object]]:
    """Specialists and their requests."""
    return list(zip(told(result, "specialist"), told(result, "request"), strict=True))


def test_a_plan_names_specialists_in_the_order_of_work(program: Program) -> None:
    result = plan(program, "Repair role.json, but first count the AccessDenied lines per role in cloudtrail.log.")
    assert tasks(result) == [
        ("logs", "count the AccessDenied lines per role in cloudtrail.log."),
        ("policy", "Repair role.json"),
    ]
    assert told(result, "after") == [[], [1]] and told(result, "available")[1]


def test_an_empty_plan_is_an_answer(program: Program) -> None:
    result = plan(program, "Write me a poem about the sea")
    assert result["tasks"] == [] and result["reason"]


def test_nothing_is_run_and_nothing_is_written_down(program: Program) -> None:
    (program.folder / "policy.json").write_text('{"Version": "2012-10-17", "Statement": []}')
    result = plan(program, "repair it", "--file", "policy.json")
    assert tasks(result) == [("policy", "repair it")]
    assert not [path for path in program.folder.rglob("*") if path.is_file() and path.name != "policy.json"]
    assert not program.state.exists() or not list(program.state.iterdir())


def test_a_person_reads_it_too(program: Program) -> None:
    ran = program("-p", "Find out why gv0 is slow and tune it, then triage the brick logs.", "--dry-run")
    first, second = ran.stdout.strip().splitlines()
    assert re.match(r"1\. storage.*: Find out why gv0 is slow and tune it$", first)
    assert re.match(r"2\. logs \(after 1.*\): triage the brick logs\.$", second)
    assert "None of the specialists" in program("-p", "Write me a poem", "--dry-run").stdout


@pytest.mark.parametrize("request_", ["\x1b[31mtune the gluster volume\x07", "tune\u202e the gluster volume"])
def test_a_plan_shows_no_control_characters(program: Program, request_: str) -> None:
    shown = program("-p", request_, "--dry-run").stdout
    assert "storage" in shown and not re.search("[\x1b\x07\u202e]", shown)


def test_a_password_in_the_request_is_not_shown(program: Program) -> None:
    request = "count the rows of postgres://bob:hunter2secret@db/shop per day"
    assert "hunter2secret" not in json.dumps(plan(program, request))


def test_a_missing_file_is_one_line(program: Program) -> None:
    ran = program("-p", "repair it", "--file", "nowhere.json", "--dry-run")
    assert ran.code == 2 and ran.stderr.startswith("error: nowhere.json: cannot be read")


def test_what_nobody_here_can_do_is_one_clear_line(program: Program) -> None:
    ran = program("-p", "Tune the GlusterFS volume for small files", "--json")
    if told(plan(program, "Tune the GlusterFS volume for small files"), "available") == [True]:
        pytest.skip("the storage specialist is installed by now")
    error = ran.envelope()["error"]
    assert ran.code == 2 and error["kind"] == "ConfigError"
    assert "the specialist 'storage' is not available in this installation" in error["message"]
