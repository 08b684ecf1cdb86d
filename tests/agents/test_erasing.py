"""Deleting a session: the text is gone from every file, what was done is still told, and a kill loses nothing."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opswright.agents.approvals import asked, waiting
from opswright.agents.attempts import Attempts
from opswright.agents.checkpoints import open_checkpoints
from opswright.agents.erasing import Eraser
from opswright.agents.leaving_out import KEPT, without_text
from opswright.agents.locks import held, run_lock, session_lock
from opswright.agents.runs import Following, resume, start
from opswright.agents.sessions import Sessions, Turn
from opswright.agents.undo import Undoer
from opswright.agents.wiring import Choices, Doors
from opswright.errors import ApprovalRefused, EnvironmentFailed, InputError
from opswright.knowledge.erasure import ERASED, compact, rewrite
from opswright.knowledge.journal import Journal
from opswright.knowledge.reflections import Evidence, Reflections
from opswright.nouns import Json, Outcome, Verdict
from opswright.settings import Settings
from opswright.tools.models.cache import FILE, Cache
from opswright.tools.models.talk import Answer
from tests.agents.plugins import make_specialist
from tests.processes import Child

SECRET = "marmalade-7431"  # stands for all that a person typed, attached or was answered
OTHER = "unrelated-5522"


@dataclass
class Office:
    """A state folder with a session `s1` of two turns, the second with an adopted change, and another run."""

    folder: Path

    def __post_init__(self) -> None:
        state = self.folder / "state"
        self.settings = Settings(state_dir=state, cache_dir=self.folder / "cache", config_dir=state)
        self.doors = Doors(specialists=[make_specialist(self.folder / "plugins", "weave")])
        self.target = self.folder / f"{SECRET}.txt"
        self.target.write_text(f"{SECRET} before\n")
        self.sessions = Sessions(self.journal)
        self.sessions.create("s1")
        self.turn(1, f"weave it {SECRET}")
        self.turn(2, f"weave it {SECRET} again", task=True)
        start(f"weave it {OTHER}", self.settings, Choices(), self.doors)

    @property
    def journal(self) -> Journal:
        return Journal(self.settings.journal_path)

    @property
    def attempt(self) -> int:
        """The undo id of the adopted change."""
        (one,) = Attempts(self.journal).all()
        return one.seq

    def turn(self, number: int, request: str, task: bool = False) -> None:
        """One turn of the session; with `task` one that adopts a change."""
        from opswright.nouns import Task

        turn = Turn(number, f"run{number}", 0.0, request)
        self.sessions.begin_turn("s1", turn)
        inputs = {"writes": str(self.target), "text": SECRET}
        work: Any = Task("t1", "weave", request, inputs) if task else request
        result = start(work, self.settings, Choices(yes=True), self.doors, (), Following(turn.run))
        assert result.status == "accepted"
        lesson = _Lesson(f"{SECRET} is a name they use")
        Reflections(self.journal).learn("weave", [lesson], Verdict(Outcome.ACCEPTED, "ok"), Evidence(turn.run), "t1")
        self.sessions.end_turn("s1", Turn(number, turn.run, 0.0, request, status="accepted", answer=result.answer))

    def eraser(self, forget_lines: Callable[[str], None] = lambda session: None) -> Eraser:
        return Eraser(self.settings, self.journal, forget_lines)

    def found(self, text: str) -> list[str]:
        """Files of the program that hold the text, in whatever page of theirs."""
        files = [path for root in ("state", "cache") for path in (self.folder / root).rglob("*") if path.is_file()]
        return [path.name for path in files if text.encode() in path.read_bytes()]


@dataclass(frozen=True)
class _Lesson:
    text: str
    scope: str = "acme"
    kind: str = "name"
    content: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", {"about": self.text})


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def records(office: Office) -> list[tuple[Any, ...]]:
    """Everything but the payloads."""
    with closing(sqlite3.connect(office.settings.journal_path)) as journal:
        return journal.execute("SELECT seq, at, kind, run, task, key FROM records ORDER BY seq").fetchall()


def test_the_text_is_gone_and_the_chain_stays(office: Office) -> None:
    Undoer(office.journal, office.settings.leases_dir).undo(office.attempt)
    office.journal.append("model.call", {"question": "hash-of-a-question"}, run="run1")
    cache = Cache(office.settings.cache_dir / FILE)
    cache.put("hash-of-a-question", "chat", Answer(f"{SECRET} said the model"))
    cache.put("another", "chat", Answer("something else"))
    assert {name.partition(".")[0] for name in office.found(SECRET)} >= {"journal", "run1-t1", "answers"}
    before = records(office)
    erased = office.eraser().erase("s1")
    assert office.found(SECRET) == []
    assert office.found(OTHER) != []
    after = records(office)
    assert after[: len(before)] == before
    assert {kind for _, _, kind, *_ in after[len(before) :]} == {"erasing", "erasure.rewritten", "erasure.done"}
    assert (erased.runs, erased.receipts, erased.elsewhere) == (("run1", "run2"), 2, ())
    (attempt,) = Attempts(office.journal).all()
    assert (attempt.erased, attempt.how_undone, attempt.action.effect) == (True, "person", "files.write")
    assert {record.kind for record in office.journal.read(run="run2") if ERASED not in record.payload} <= KEPT
    assert [one.text for one in Reflections(office.journal).all()] == []
    assert cache.get("another", "chat") is not None


def test_what_is_deleted_is_not_gone_on_with(office: Office) -> None:
    office.eraser().erase("s1", "forget")
    for use in (
        lambda: office.sessions.get("s1"),
        lambda: resume("run1", office.settings, Choices(), office.doors),
        lambda: office.eraser().erase("s1"),
        lambda: office.eraser().erase("nothing"),
    ):
        with pytest.raises(InputError):
            use()
    assert office.sessions.latest() is None
    assert [one.id for one in office.sessions.summaries(9)] != []
    assert "s1" not in [one.id for one in office.sessions.summaries(9)]
    assert waiting(office.journal) == []


def test_a_change_that_stands_is_not_forgotten_by_the_way(office: Office) -> None:
    number = office.attempt
    with pytest.raises(InputError, match=rf"change {number} \(files.write\) still stands"):
        office.eraser().erase("s1")
    assert office.found(SECRET) != [] and office.eraser().unfinished() == ()
    erased = office.eraser().erase("s1", "keep")
    assert erased.kept_undo == (number,)
    assert office.found(SECRET) == ["journal.sqlite3"]  # what undoing needs, and nothing else
    assert Undoer(office.journal, office.settings.leases_dir).undo(number).message == "undone"
    assert office.target.read_text() == f"{SECRET} before\n"


def test_a_change_may_be_forgotten_and_then_stays_as_it_is(office: Office) -> None:
    number = office.attempt
    assert office.eraser().erase("s1", "forget").kept_undo == ()
    assert office.found(SECRET) == []
    with pytest.raises(ApprovalRefused, match="deleted with its session"):
        Undoer(office.journal, office.settings.leases_dir).undo(number)
    assert office.target.read_text() == "written"


def test_what_is_open_or_at_work_is_not_deleted(office: Office) -> None:
    for lock in (session_lock(office.settings, "s1"), run_lock(office.settings, "run1")):
        with held(lock, "busy"), pytest.raises(EnvironmentFailed):
            office.eraser().erase("s1", "forget")
    assert office.eraser().unfinished() == ()
    begun = next(record for record in office.journal.read("effect.begun"))
    left = {**begun.payload, "key": "left over", "number": 0}
    office.journal.append("effect.begun", left, run="run2", task="t1", key="begun:left over:0")
    with pytest.raises(InputError, match="is open"):
        office.eraser().erase("s1", "forget")
    assert office.found(SECRET) != []


def test_a_run_of_a_session_is_not_deleted_by_itself_and_a_single_run_is(office: Office) -> None:
    with pytest.raises(InputError, match="is a turn of session s1"):
        office.eraser().erase("run1")
    (single,) = [one.id for one in office.sessions.summaries(9) if one.kind == "run"]
    office.eraser().erase(single)
    assert office.found(OTHER) == [] and office.found(SECRET) != []


def test_a_receipt_elsewhere_is_named_and_left(office: Office) -> None:
    place = office.folder / "mine.json"
    run = start(f"weave it {OTHER}", office.settings, Choices(receipt=place), office.doors)
    assert office.eraser().erase(run.run_id).elsewhere == (str(place),)
    assert place.exists()


def test_a_waiting_question_goes_with_its_run(office: Office) -> None:
    from opswright.nouns import Task

    target = office.folder / f"{OTHER}.txt"
    run = start(Task("t1", "weave", "weave", {"writes": str(target)}), office.settings, Choices(), office.doors)
    (question,) = run.questions
    assert target.name in question.action.preview
    office.eraser().erase(run.run_id)
    assert waiting(office.journal) == []
    with pytest.raises(InputError, match="no action"):
        asked(office.journal, question.action.hash)
    with open_checkpoints(office.settings) as saver:
        assert list(saver.list({"configurable": {"thread_id": f"{run.run_id}.0"}})) == []


class _DiesAt(Journal):
    """Kills its process where the deletion has come to a point."""

    def __init__(self, path: Path, point: str) -> None:
        super().__init__(path)
        self._point = point

    def close(self) -> None:
        super().close()
        if self._point == "after the records":
            os.kill(os.getpid(), signal.SIGKILL)

    def append(self, kind: str, payload: Json, *, run: str = "", task: str = "", key: str | None = None) -> int:
        if self._point == "before the end" and kind == "erasure.done":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().append(kind, payload, run=run, task=task, key=key)


@pytest.mark.parametrize("point", ["before the records", "after the records", "before the end"])
def test_killed_in_between_it_is_finished_when_asked_again(office: Office, point: str) -> None:
    def die(session: str) -> None:
        if point == "before the records":
            os.kill(os.getpid(), signal.SIGKILL)

    def work(say: Callable[[str], None]) -> None:
        journal = _DiesAt(office.settings.journal_path, point)
        Eraser(office.settings, journal, die).erase("s1", "forget")

    assert Child(work).wait() == -signal.SIGKILL
    assert office.eraser().unfinished() == ("s1",)
    with pytest.raises(InputError, match="deleted"):
        office.sessions.get("s1")
    with pytest.raises(InputError, match="deleted"):
        resume("run1", office.settings, Choices(), office.doors)
    office.eraser().erase("s1")  # as was chosen when it began
    assert office.found(SECRET) == [] and office.eraser().unfinished() == ()
    guarded(office)


def test_killed_in_the_middle_of_the_records_none_is_changed_and_all_are_guarded(office: Office) -> None:
    def payloads() -> Iterator[tuple[int, Json]]:
        yield 1, {"erased": "x"}
        yield 2, {"erased": "x"}
        os.kill(os.getpid(), signal.SIGKILL)

    before = [record.payload for record in office.journal.read()]
    assert Child(lambda say: rewrite(office.settings.journal_path, payloads(), "x")).wait() == -signal.SIGKILL
    assert [record.payload for record in office.journal.read()] == before
    guarded(office)


def guarded(office: Office) -> None:
    """The journal is append-only as ever."""
    with closing(sqlite3.connect(office.settings.journal_path)) as journal:
        for change in ("UPDATE records SET payload = '{}'", "DELETE FROM records"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                journal.execute(change)


def test_rewriting_twice_is_rewriting_once(office: Office) -> None:
    rewrite(office.settings.journal_path, [(1, {"erased": "x"})], "x")
    before = records(office)
    rewrite(office.settings.journal_path, [(1, {"erased": "x"})], "x")
    compact(office.settings.journal_path)
    assert records(office) == before
    guarded(office)


def test_a_kind_that_nobody_thought_of_loses_everything() -> None:
    assert without_text("some.new.kind", {"text": SECRET}, "s1") == {"erased": "s1"}
    assert without_text("note", [SECRET], "s1") == {"erased": "s1"}
    assert without_text("ledger.settle", {"usage": 1}, "s1") == {"usage": 1}
