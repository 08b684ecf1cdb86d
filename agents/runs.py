"""The one way in: start a run of a request or of tasks, and go on with one that was stopped.

A run is a row in the journal, a plan, one outcome for each task, and checkpoints in between. It ends with a status and
an exit code; whatever ended it can be mended and `resume` goes on from there, in this process or another.
"""

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from opswright.agents.approvals import grant, refuse
from opswright.agents.checkpoints import DURABILITY
from opswright.agents.episode import Episode
from opswright.agents.files import File, read_file, read_files
from opswright.agents.ledger import carried_over, rows_of
from opswright.agents.loading import sections_of
from opswright.agents.locks import held, run_lock
from opswright.agents.manifests import Manifest, read_manifests
from opswright.agents.outcomes import RESUMABLE, TaskOutcome, read_outcome
from opswright.agents.planning import inputs_of, plan_request, to_be_stored, with_roles
from opswright.agents.plans import Plan, Planned, plan_of_tasks, read_plan
from opswright.agents.progress import Report, both, nobody
from opswright.agents.receipts import check_target
from opswright.agents.results import Question, RunResult, stand_of
from opswright.agents.supervisor import STEP_LIMIT, Supervisor, build_supervisor
from opswright.agents.surroundings import SessionSurroundings
from opswright.agents.wiring import Choices, Doors, Wiring, manifest_of, wire
from opswright.errors import InputError
from opswright.knowledge.erasure import ERASING
from opswright.knowledge.journal import Journal
from opswright.nouns import Json, Task, Usage, as_json
from opswright.redaction import Redactor
from opswright.settings import Settings

RUN, PLAN, ENDED, INTERRUPTED = "run", "plan", "run.ended", "run.interrupted"
_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no letter that looks like a digit


def start(
    work: str | Task | Sequence[Task],
    settings: Settings,
    choices: Choices,
    doors: Doors | None = None,
    files: Sequence[Path | File] = (),
    following: "Following | None" = None,
) -> RunResult:
    """Runs a request in words with its files, or tasks that are independent of each other.

    `following`: what a turn of a session takes over from the turns before it. Raises InputError, ConfigError and
    StoreFailed; how tasks end, errors of theirs included, is in the result.
    """
    doors = doors or Doors()
    if choices.receipt is not None:
        check_target(choices.receipt)  # before anything is done that would then have no receipt
    manifests = read_manifests(doors.specialists)
    sections_of(manifests, settings)  # a mistake in them is told before anything is written
    following = following or Following()
    journal, run = doors.journal(settings.journal_path), following.run or new_run_id()
    texts = to_be_stored([one if isinstance(one, File) else read_files([one])[0] for one in files], manifests)
    # Texts of files are kept as they are: they are the work. A password in the words of a request never is.
    request = Redactor().text(work) if isinstance(work, str) else ""
    payload = {"request": request, "files": [file.as_json() for file in texts], **choices.lasting()}
    payload |= following.as_json()
    if not isinstance(work, str):
        plan = plan_of_tasks(_checked([work] if isinstance(work, Task) else work))
        journal.append(PLAN, plan.as_json(), run=run, key=f"{run}/{PLAN}")
    journal.append(RUN, payload, run=run, key=f"{run}/{RUN}")
    return _run(_Run(settings, choices, doors, manifests, journal, run))


@dataclass(frozen=True)
class Following:
    """What a turn takes over from its session.

    `run`: the id it is to have; `specialists`: who it is for, whatever its words say; `earlier`: how tasks of earlier
    turns ended, handed to the same specialist's task.
    """

    run: str = ""
    specialists: tuple[str, ...] = ()
    earlier: tuple[TaskOutcome, ...] = ()

    def as_json(self) -> dict[str, Json]:
        """Plain JSON values, for the journal; nothing for a run that follows nothing."""
        fields = {"specialists": list(self.specialists), "earlier": [one.as_json() for one in self.earlier]}
        return {name: value for name, value in fields.items() if value}


def _checked(tasks: Sequence[Task]) -> Sequence[Task]:
    """Ids name records and receipts' files, so they are plain and each is there once."""
    ids = [task.id for task in tasks]
    odd = [id for id in ids if not _TASK_ID.fullmatch(id)]
    if odd or len(set(ids)) < len(ids):
        raise InputError(f"must be letters, digits, - and _, each id once, not {', '.join(odd or ids)}", "task ids")
    return tasks


def resume(run: str, settings: Settings, choices: Choices, doors: Doors | None = None) -> RunResult:
    """Goes on with a run that was killed, waits for an approval, ran out of budget or failed; else says how it ended.

    What was chosen when it started stays; `--yes` and the budget are those of now. Raises InputError for an unknown
    run, EnvironmentFailed while another process is at it.
    """
    doors = doors or Doors()
    journal = doors.journal(settings.journal_path)
    record = journal.find(f"{run}/{RUN}")
    if record is None:
        raise InputError("there is no such session or run; `opswright sessions list` shows what there is", run)
    turn = journal.find(f"turn:{run}")
    if journal.find(f"{ERASING}:{run if turn is None else turn.run}") is not None:
        raise InputError("was deleted; nothing of it is left to go on with", run)
    chosen = replace(choices, **_chosen(record.payload))
    return _run(_Run(settings, chosen, doors, read_manifests(doors.specialists), journal, run))


def new_run_id(clock: Callable[[], float] = time.time) -> str:
    """Twelve letters and digits: milliseconds since the epoch, so that ids sort by time, and three random ones."""
    number, text = int(clock() * 1000), ""
    while number:
        number, digit = divmod(number, 32)
        text = _BASE32[digit] + text
    return text.rjust(9, "0") + "".join(secrets.choice(_BASE32) for _ in range(3))


@dataclass(frozen=True)
class _Run:
    """One run in this process."""

    settings: Settings
    choices: Choices
    doors: Doors
    manifests: Mapping[str, Manifest]
    journal: Journal
    id: str

    def ended(self) -> list[Json]:
        """How its attempts ended, oldest first."""
        return [record.payload for record in self.journal.read(kind=ENDED, run=self.id)]

    def stands(self, attempt: int, usage: Usage | None = None, waiting: Sequence[Question] = ()) -> RunResult:
        """How it stands in an attempt. `usage`: what was spent, by default what the ledger's records say."""
        if usage is None:
            usage = carried_over(rows_of(self.journal, self.id), session=True)
        return stand_of(self.journal, self.id, self.plan(), attempt, usage, waiting)

    def request(self) -> Mapping[str, Json]:
        """What it was started with."""
        record = self.journal.find(f"{self.id}/{RUN}")
        assert record is not None  # written before anything else
        payload: Mapping[str, Json] = record.payload
        return payload

    def plan(self) -> Plan | None:
        """The plan, once there is one."""
        record = self.journal.find(f"{self.id}/{PLAN}")
        return None if record is None else read_plan(record.payload)


def _run(run: _Run) -> RunResult:
    lock = run_lock(run.settings, run.id)
    with held(lock, f"run {run.id} is at work in another process; wait for it to end"):
        ended = run.ended()
        final = bool(ended) and ended[-1]["status"] not in RESUMABLE
        result = run.stands(len(ended) - 1) if final else _attempt(run, len(ended))
        if not result.questions and result.status not in RESUMABLE:
            lock.unlink(missing_ok=True)  # whoever waits for this lock finds that there is nothing left to do
        return result


def _attempt(run: _Run, attempt: int) -> RunResult:
    with run.doors.interrupts(run.doors.halt) as saw:
        if run.doors.surroundings is not None:
            return _attempt_within(run, attempt, run.doors.surroundings, saw)
        own = SessionSurroundings(run.settings)
        try:
            return _attempt_within(run, attempt, own, saw)
        finally:
            for problem in own.close():
                run.doors.say(problem)


def _attempt_within(run: _Run, attempt: int, surroundings: SessionSurroundings, saw: Report) -> RunResult:
    wiring = wire(run.settings, run.choices, run.manifests, run.journal, run.id, run.doors, surroundings)
    supervisor = Supervisor(
        run.journal,
        lambda: _plan(run, wiring),
        lambda *work: _inputs(run, *work),
        wiring.loop,
        both(saw, run.doors.report or nobody),
        run.doors.halt,
        wiring.surroundings_of_run.release,
        run.doors.say,
    )
    with (
        run.doors.checkpoints(run.settings) as saver,
        contextlib.closing(wiring.workshop),
        contextlib.closing(wiring.manuals),
    ):
        graph = build_supervisor(supervisor, saver)
        try:
            waiting = _drive(run, wiring, graph, saver, attempt)
        except KeyboardInterrupt:
            run.doors.halt.ask()  # tasks in other threads begin nothing more
            run.journal.append(INTERRUPTED, {"attempt": attempt}, run=run.id)
            if run.doors.ledger is None:  # a session says itself how to go on
                run.doors.say(f"interrupted; go on with: opswright --resume {run.id}")
            raise
        result = run.stands(attempt, wiring.ledger.spent, waiting)
        if not waiting:
            ended = {"attempt": attempt, "status": result.status, "exit_code": int(result.exit_code)}
            payload = {**ended, "usage": as_json(result.usage)}
            run.journal.append(ENDED, payload, run=run.id, key=f"{run.id}/{attempt}/{ENDED}")
            saver.delete_thread(thread_of(run.id, attempt))  # the journal says how it ended; nobody goes on from here
    return result


def thread_of(run: str, attempt: int) -> str:
    """The checkpoints' thread of an attempt at a run."""
    return f"{run}.{attempt}"


def _drive(run: _Run, wiring: Wiring, graph: Any, saver: Any, attempt: int) -> tuple[Question, ...]:
    """Invokes the graph until it ends or waits for somebody who is not there; returns what it then waits for."""
    from langgraph.types import Command

    config = {"configurable": {"thread_id": thread_of(run.id, attempt)}, "recursion_limit": STEP_LIMIT}
    payload: Any = {"run": run.id, "attempt": attempt} if saver.get_tuple(config) is None else None
    while True:
        state = graph.invoke(payload, config, durability=DURABILITY)
        interrupts = state.get("__interrupt__", ())
        questions = {one.id: _questions(run, wiring, one.value) for one in interrupts}
        if not interrupts or run.doors.ask is None:
            return tuple(question for several in questions.values() for question in several)
        refused = {id: "a person refused it" for id, several in questions.items() if not _granted(run, several)}
        # A yes is a grant in the journal that the gate finds itself; only a no is handed to it.
        payload = Command(resume=refused) if refused else None


def _questions(run: _Run, wiring: Wiring, asked: Mapping[str, Json]) -> list[Question]:
    """What an interrupted gate asks, put into the journal for `opswright approve`."""
    actions = {action.hash: action for action in Episode(run.journal, run.id, asked["task"]).actions(asked["stage"])}
    questions = [Question(asked["task"], actions[hash], reason) for hash, reason in asked["actions"].items()]
    for question in questions:
        wiring.workshop.approvals.ask(question.action, question.reason, run=run.id, task=question.task)
    return questions


def _granted(run: _Run, questions: Sequence[Question]) -> bool:
    """A person's answer to all actions of one gate; the first no ends it."""
    assert run.doors.ask is not None
    for question in questions:
        if not run.doors.ask(question.action, question.reason):
            refuse(run.journal, question.action.hash)
            return False
        grant(run.journal, question.action.hash, of=(run.id, question.task))
    return True


def _plan(run: _Run, wiring: Wiring) -> Plan:
    """The run's plan, made once."""
    plan = run.plan()
    if plan is not None:
        return plan
    request = run.request()
    if named := request.get("specialists"):
        tasks = [Planned(f"t{number}", name, request["request"]) for number, name in enumerate(named, 1)]
        plan = Plan(tuple(tasks))
        run.journal.append(PLAN, plan.as_json(), run=run.id, key=f"{run.id}/{PLAN}")
        return plan
    files = with_roles(_files(request), run.manifests)
    plan = plan_request(request["request"], files, run.manifests, wiring.routing_models(), run.doors.say)
    run.journal.append(PLAN, plan.as_json(), run=run.id, key=f"{run.id}/{PLAN}")
    return plan


def _inputs(run: _Run, planned: Planned, earlier: Sequence[TaskOutcome]) -> Mapping[str, Json]:
    request = run.request()
    before = [read_outcome(payload) for payload in request.get("earlier", ())]
    earlier = [*(one for one in before if one.specialist == planned.specialist), *earlier]
    files = with_roles(_files(request), run.manifests)
    return inputs_of(planned, files, earlier, manifest_of(run.manifests, planned.specialist))


def _files(payload: Mapping[str, Json]) -> list[File]:
    return [read_file(one) for one in payload["files"]]


def _chosen(payload: Mapping[str, Json]) -> dict[str, Any]:
    receipt = payload["receipt"]
    return {
        "tier": payload["tier"],
        "dry_run": payload["dry_run"],
        "receipt": None if receipt is None else Path(receipt),
    }
