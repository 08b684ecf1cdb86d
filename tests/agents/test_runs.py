"""Runs, whole: specialists in folders of their own, the supervisor, approvals, resuming, receipts."""

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from opswright.agents.approvals import asked, grant, refuse
from opswright.agents.checkpoints import in_memory, open_checkpoints
from opswright.agents.receipts import read_receipt
from opswright.agents.replies import reply_of
from opswright.agents.results import RunResult
from opswright.agents.runs import new_run_id, resume, start
from opswright.agents.search import past_episodes
from opswright.agents.tiers import Episodes
from opswright.agents.wiring import Choices, Doors
from opswright.console import Status
from opswright.errors import EnvironmentFailed, Exit, InputError
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Budget, Task, Tier
from opswright.settings import ApprovalRules, ApprovalSettings, Settings
from tests.agents.plugins import make_specialist


@dataclass
class Office:
    """A state folder and two specialists that are nowhere but in folders of the test."""

    folder: Path
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.plugins = self.folder / "plugins"
        for name in ("weave", "forge"):
            make_specialist(self.plugins, name)
        state = self.folder / "state"
        self.settings = Settings(state_dir=state, cache_dir=state, config_dir=state)
        self.doors = Doors(say=self.said.append, specialists=[self.plugins])

    def run(self, work: Any, files: Sequence[Path] = (), **choices: Any) -> RunResult:
        return start(work, self.settings, Choices(**choices), self.doors, files)

    def again(self, run: str, **choices: Any) -> RunResult:
        return resume(run, self.settings, Choices(**choices), self.doors)

    @property
    def journal(self) -> Journal:
        return Journal(self.settings.journal_path)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def task(name: str = "weave", id: str = "t1", **inputs: Any) -> Task:
    return Task(id, name, f"{name} it", inputs)


def test_a_specialist_in_a_folder_of_its_own_needs_no_other_file(office: Office) -> None:
    result = office.run(task(x=1))
    assert (result.status, result.exit_code, result.answer) == (
        "accepted",
        Exit.DONE,
        "weave: accepted (solver tier): weave is done",
    )
    assert result.result["proposal"] == {"by": "weave", "inputs": {"x": 1}}
    assert read_receipt(Path(result.receipts[0])).content.task == task(x=1)
    assert "no model is configured: the solver tier works alone" in office.said


def test_a_request_finds_it_by_its_manifest(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("text")
    result = office.run("please forge it", [file])
    assert result.result["proposal"]["inputs"] == {"goal": "please forge it", "files": [str(file)]}


def test_two_parts_run_side_by_side_and_are_both_answered(office: Office) -> None:
    result = office.run("Weave it. Forge it.")
    assert result.status == "accepted" and len(result.receipts) == 2
    assert [one["specialist"] for one in result.result] == ["weave", "forge"]
    assert "[t1] Weave it" in result.answer and "[t2] Forge it" in result.answer


def test_what_follows_gets_the_receipt_of_what_it_builds_on(office: Office) -> None:
    result = office.run("Weave it, then forge it")
    first, second = result.outcomes
    (earlier,) = second.result["proposal"]["inputs"]["earlier"]
    assert (earlier["task"], earlier["receipt"]) == ("t1", first.receipt)
    assert earlier["result"]["by"] == "weave"


def test_a_failing_specialist_loses_nobody_else_s_result(office: Office) -> None:
    result = office.run([task("weave", "t1", raises="EnvironmentFailed"), task("forge", "t2")])
    assert [one.status for one in result.outcomes] == ["error", "accepted"]
    assert (result.status, result.exit_code) == ("error", Exit.ENVIRONMENT)
    assert len(result.receipts) == 1 and "it went wrong" in result.answer and "forge is done" in result.answer


@pytest.mark.parametrize(
    ("inputs", "status", "code"),
    [
        ({"is": "bad"}, "rejected", Exit.FOUND),
        ({"is": "unclear"}, "undecided", Exit.UNDECIDED),
        ({"raises": "BudgetSpent"}, "budget", Exit.BUDGET),
        ({"raises": "InputError"}, "error", Exit.INPUT),
        ({"raises": "StoreFailed"}, "error", Exit.ENVIRONMENT),
    ],
)
def test_every_end_has_its_status_and_exit_code(office: Office, inputs: Any, status: str, code: Exit) -> None:
    result = office.run(task(**inputs))
    assert (result.status, result.exit_code, result.receipts) == (status, code, ())
    reply = reply_of(result)
    assert (reply.status, reply.exit_code) == (Status(status), code)
    assert json.loads(json.dumps(reply.envelope("x")))["status"] == status


def test_nobody_s_request_is_answered_with_no(office: Office) -> None:
    result = office.run("What is the weather in Lisbon?")
    assert (result.status, result.exit_code, result.outcomes) == ("rejected", Exit.FOUND, ())
    assert result.answer.startswith("None of the specialists here can do this")
    assert "not available" in office.run("Write a SQL query over the orders table").answer


def test_a_specialist_that_is_not_there_is_said(office: Office) -> None:
    result = office.run(task("nobody"))
    assert result.exit_code is Exit.INPUT and "'nobody' is not available" in result.answer


def test_an_approval_without_a_terminal_ends_with_5_and_approve_and_resume_go_on(
    office: Office, tmp_path: Path
) -> None:
    target = tmp_path / "out.txt"
    result = office.run(task(writes=str(target)))
    assert (result.status, result.exit_code) == ("approval", Exit.APPROVAL)
    (question,) = result.questions
    assert question.action.hash in result.answer and f"opswright --resume {result.run_id}" in result.answer
    reply = reply_of(result)
    assert reply.error is not None and reply.error.action_hash == question.action.hash
    assert reply.exit_code == Exit.APPROVAL and not target.exists()

    assert office.again(result.run_id).status == "approval"  # still not approved
    assert asked(office.journal, question.action.hash[:12]).action == question.action
    grant(office.journal, question.action.hash, who="somebody")
    done = office.again(result.run_id)
    assert (done.status, target.read_text()) == ("accepted", "written")
    assert read_receipt(Path(done.receipts[0])).content.adopted
    assert office.again(result.run_id) == replace(done, usage=office.again(result.run_id).usage)


def test_yes_answers_for_reversible_actions(office: Office, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    assert office.run(task(writes=str(target)), yes=True).status == "accepted"
    assert target.read_text() == "written"


@pytest.mark.parametrize("answer", [True, False])
def test_a_person_is_shown_the_diff_and_asked(office: Office, tmp_path: Path, answer: bool) -> None:
    target, shown = tmp_path / "out.txt", []

    def ask(action: Action, reason: str) -> bool:
        shown.append(action.preview)
        return answer

    office.doors = replace(office.doors, ask=ask)
    result = office.run(task(writes=str(target)))
    assert len(shown) == 1 and "+written" in shown[0]
    assert (result.status, target.exists()) == (("accepted", True) if answer else ("approval", False))
    if not answer:
        assert result.exit_code is Exit.APPROVAL and "refused" in result.answer


def test_a_refused_run_can_be_resumed_and_asks_again(office: Office, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    asking, office.doors = replace(office.doors, ask=lambda action, reason: False), office.doors
    first = start(task(writes=str(target)), office.settings, Choices(), asking)
    assert first.status == "approval"
    waiting = office.again(first.run_id)
    assert waiting.questions and not target.exists()
    grant(office.journal, waiting.questions[0].action.hash)
    assert office.again(first.run_id).status == "accepted" and target.exists()


def test_an_approval_is_worth_nothing_once_it_was_taken_back(office: Office, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    first = office.run(task(writes=str(target)))
    grant(office.journal, first.questions[0].action.hash)
    refuse(office.journal, first.questions[0].action.hash)
    assert office.again(first.run_id).status == "approval" and not target.exists()


def test_of_two_tasks_one_may_wait_while_the_other_ends(office: Office, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    first = office.run([task("weave", "t1", writes=str(target)), task("forge", "t2")])
    assert first.status == "approval" and [one.task for one in first.outcomes] == ["t2"]
    grant(office.journal, first.questions[0].action.hash)
    done = office.again(first.run_id)
    assert [one.status for one in done.outcomes] == ["accepted", "accepted"] and target.exists()
    records = [record.task for record in office.journal.read("ask", run=first.run_id)]
    assert sorted(records) == ["t1", "t2"], "nobody was asked twice"


def test_a_run_that_failed_is_resumed_once_its_cause_is_gone(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    result = office.run([task("weave", "t1", writes=str(folder / "out.txt")), task("forge", "t2")], yes=True)
    assert result.exit_code is Exit.INPUT
    folder.mkdir()
    done = office.again(result.run_id, yes=True)
    assert done.status == "accepted" and (folder / "out.txt").exists()
    assert len(list(office.journal.read("ask", run=result.run_id, task="t2"))) == 1


def test_a_spent_budget_is_resumed_with_more(office: Office) -> None:
    result = office.run(task(), budget=Budget(trials=0))
    assert (result.status, result.exit_code) == ("budget", Exit.BUDGET)
    assert office.again(result.run_id, budget=Budget(trials=0)).status == "budget"
    assert office.again(result.run_id, budget=Budget(trials=5)).status == "accepted"


def test_what_was_spent_before_counts_after(office: Office) -> None:
    result = office.run(task(**{"is": "bad"}), budget=Budget(trials=1))
    assert result.usage.trials == 1
    assert office.again(result.run_id).usage.trials == 1


def test_a_run_at_work_cannot_be_resumed(office: Office, tmp_path: Path) -> None:
    result = office.run(task(writes=str(tmp_path / "out.txt")))
    with (office.settings.state_dir / "runs" / f"{result.run_id}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EnvironmentFailed, match="at work in another process"):
            office.again(result.run_id)


@pytest.mark.parametrize("run", ["", "nobody", "../../etc/passwd", "a/b"])
def test_an_unknown_run_is_an_input_error(office: Office, run: str) -> None:
    office.run(task())
    with pytest.raises(InputError, match="there is no such session or run"):
        office.again(run)


def test_a_dry_run_stays_dry_when_it_is_resumed(office: Office, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    result = office.run(task(writes=str(target)), dry_run=True, budget=Budget(trials=0))
    done = office.again(result.run_id, yes=True, budget=Budget())
    assert done.status == "accepted" and not target.exists()


def test_receipts_go_where_they_are_wanted(office: Office, tmp_path: Path) -> None:
    wanted = tmp_path / "r.json"
    result = office.run([task("weave", "t1"), task("forge", "t2")], receipt=wanted)
    assert result.receipts == (str(wanted), str(tmp_path / "r-t2.json"))
    assert [read_receipt(Path(path)).content.task.id for path in result.receipts] == ["t1", "t2"]


def test_a_denied_action_is_not_asked_about(office: Office, tmp_path: Path) -> None:
    rules = ApprovalSettings(environments={"local": ApprovalRules(reversible="deny")})
    office.settings = office.settings.model_copy(update={"approvals": rules})
    result = office.run(task(writes=str(tmp_path / "x")), yes=True)
    assert result.exit_code is Exit.APPROVAL and not result.questions and "denies" in result.answer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "cannot be read (No such file"),
        (os.mkfifo, "is not a regular file"),
    ],
)
def test_a_bad_file_is_one_line_and_no_run(office: Office, tmp_path: Path, make: Any, message: str) -> None:
    path = tmp_path / "file"
    make(path)
    with pytest.raises(InputError) as caught:
        office.run("forge it", [path])
    assert str(caught.value).startswith(f"{path}: ") and message in str(caught.value)
    assert not list(office.journal.read())


def test_checkpoints_in_memory_leave_nothing_but_the_journal_and_the_receipt(office: Office) -> None:
    office.doors = replace(office.doors, checkpoints=in_memory)
    assert office.run(task()).status == "accepted"
    left = {path.name.partition("-")[0] for path in office.settings.state_dir.iterdir() if path.is_file()}
    assert left == {"journal.sqlite3"}


def test_run_ids_are_short_and_sort_by_time() -> None:
    times = iter([1.0, 1_700_000_000.0, 1_700_000_000.002, 4_000_000_000.0])
    ids = [new_run_id(lambda: next(times)) for _ in range(4)]
    assert ids == sorted(ids) and {len(id) for id in ids} == {12}
    assert len({new_run_id(lambda: 1.0) for _ in range(50)}) > 40


def test_what_builds_on_a_task_that_failed_starts_once_that_is_mended(office: Office, tmp_path: Path) -> None:
    result = office.run("Weave it, then forge it", budget=Budget(trials=0))
    assert [one.status for one in result.outcomes] == ["budget", "budget"]
    assert result.outcomes[1].reason == "not started: it builds on t1, which ended budget"
    assert office.again(result.run_id, budget=Budget()).status == "accepted"


def test_of_two_questions_one_may_be_answered_with_yes_and_one_with_no(office: Office, tmp_path: Path) -> None:
    office.doors = replace(office.doors, ask=lambda action, reason: action.arguments["path"].endswith("yes"))
    tasks = [task("weave", "t1", writes=str(tmp_path / "yes")), task("forge", "t2", writes=str(tmp_path / "no"))]
    result = office.run(tasks)
    assert [one.status for one in result.outcomes] == ["accepted", "approval"]
    assert (tmp_path / "yes").exists() and not (tmp_path / "no").exists()


def test_what_waits_is_shown_with_its_diff(office: Office, tmp_path: Path) -> None:
    result = office.run(task(writes=str(tmp_path / "out.txt")))
    (waiting,) = result.result["waiting"]
    assert waiting["action_hash"] == result.questions[0].action.hash and "+written" in waiting["preview"]
    assert "+written" in result.answer and result.result["run"] == result.run_id
    assert "+written" in reply_of(result, "a command's own text").text


@pytest.mark.parametrize("ids", [["t1", "t1"], ["../x"], [""], ["a/b"], ["a b"]])
def test_task_ids_are_plain_and_each_is_there_once(office: Office, ids: list[str]) -> None:
    with pytest.raises(InputError, match="task ids"):
        office.run([task(id=id) for id in ids])


def test_a_finished_run_leaves_no_checkpoint_and_no_lock(office: Office, tmp_path: Path) -> None:
    office.run(task())
    waiting = office.run(task(writes=str(tmp_path / "out.txt")))
    with open_checkpoints(office.settings) as saver:
        assert {one.config["configurable"]["thread_id"] for one in saver.list(None)} == {f"{waiting.run_id}.0"}
    assert [path.stem for path in (office.settings.state_dir / "runs").iterdir()] == [waiting.run_id]


def test_the_episode_log_counts_what_tiers_did(office: Office) -> None:
    office.run(task())
    office.run(task(**{"is": "bad"}))
    office.run(task("forge"))
    log = past_episodes(office.journal, "weave")
    assert log == {Tier.SOLVER: Episodes(tried=2, accepted=1)}


def test_an_input_error_says_where(office: Office, tmp_path: Path) -> None:
    reply = reply_of(office.run(task(writes=str(tmp_path / "no" / "out.txt")), yes=True))
    assert reply.error is not None and reply.error.where == str(tmp_path / "no" / "out.txt")


def test_files_that_must_never_be_stored_are_not(office: Office, tmp_path: Path) -> None:
    folder = office.plugins / "weave"
    manifest = folder / "agent.toml"
    routing = 'inputs = ".specialist:inputs"'
    assert routing in manifest.read_text()
    more = f'{routing}\nclassify = ".specialist:classify"\nby_reference = true'
    manifest.write_text(manifest.read_text().replace(routing, more))
    with (folder / "specialist.py").open("a") as code:
        code.write("\ndef classify(name, text):\n    return 'log' if 'sshd' in text else None\n")
    log, other = tmp_path / "auth.log", tmp_path / "notes.txt"
    log.write_text("sshd: password hunter2")
    other.write_text("a harmless note")
    ran = start("weave it", office.settings, Choices(), office.doors, [log, other])
    assert ran.status == "accepted", ran
    everything = b"".join(path.read_bytes() for path in office.folder.rglob("*") if path.is_file() and path != log)
    assert b"hunter2" not in everything and b"a harmless note" in everything
