"""Deleting a session: the text of whoever asked leaves the disk, the chain of what was done stays.

    begun (on disk: what, how) -> receipts, checkpoints, cached answers -> the records, in one transaction
    -> the journal rewritten -> done

Every step can be done again, so that a deletion that was cut off goes on where it was asked for once more.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from opswright.agents.applying import applied_runs, asked_under
from opswright.agents.approvals import whoami
from opswright.agents.attempts import Attempt, Attempts
from opswright.agents.checkpoints import forget_threads
from opswright.agents.leaving_out import without_text
from opswright.agents.locks import held, run_lock, session_lock
from opswright.agents.runs import RUN, thread_of
from opswright.agents.sessions import Sessions
from opswright.errors import InputError, StoreFailed
from opswright.knowledge.erasure import ERASING, compact, rewrite
from opswright.knowledge.journal import Journal, Record
from opswright.nouns import Json
from opswright.settings import Settings

DONE = "erasure.done"
Standing = Literal["refuse", "keep", "forget"]


@dataclass(frozen=True)
class Erased:
    """What a deletion came to. `kept_undo`: ids of changes that stand and can be undone; `elsewhere`: receipts that
    were written to places of the user's own and are still there."""

    id: str
    runs: tuple[str, ...]
    records: int
    receipts: int
    kept_undo: tuple[int, ...]
    elsewhere: tuple[str, ...]


@dataclass(frozen=True)
class _Target:
    """What is deleted: the session (empty for a single run) and its runs with what was applied from their receipts."""

    id: str
    session: str
    runs: tuple[str, ...]
    applied: tuple[str, ...]
    asked: tuple[str, ...]  # the tasks under which `apply` asked


class Eraser:
    """Deletes sessions of one state folder. `forget_lines(session)` takes its lines out of the chat's history."""

    def __init__(self, settings: Settings, journal: Journal, forget_lines: Callable[[str], None]) -> None:
        self._settings, self._journal, self._forget_lines = settings, journal, forget_lines

    def unfinished(self) -> tuple[str, ...]:
        """Deletions that were cut off."""
        begun = [record.payload["id"] for record in self._journal.read(kind=ERASING)]
        return tuple(id for id in begun if self._journal.find(f"{DONE}:{id}") is None)

    def check(self, id: str, standing: Standing) -> tuple[str, ...]:
        """The runs that would go. Raises InputError where something speaks against it, as `erase` does."""
        target = self._target(id)
        self._decide(target, standing)
        return target.runs

    def erase(self, id: str, standing: Standing = "refuse") -> Erased:
        """Deletes a session or a single run. `standing`: what becomes of changes that stand: their undo records are
        kept, or forgotten, or nothing is deleted.

        Raises InputError for an unknown one and for changes that are open or stand; EnvironmentFailed while a process
        is at work on it; StoreFailed.
        """
        target = self._target(id)
        lock = session_lock(self._settings, id)
        with held(lock, f"session {id} is open in another process; leave it there first"):
            self._refuse_running(target)
            begun = self._journal.find(f"{ERASING}:{id}")
            if begun is None:
                self._decide(target, standing)
                payload = {"id": id, "runs": list(target.runs), "standing": standing, "who": whoami()}
                self._journal.append(ERASING, payload, key=f"{ERASING}:{id}")
            elif standing == "refuse":
                standing = begun.payload["standing"]
            # From that record on nobody goes on with a run; whoever did so before has it now, or has ended.
            self._refuse_running(target)
            erased = self._erase(target, self._decide(target, standing))
        for path in (lock, *(run_lock(self._settings, run) for run in target.runs)):
            path.unlink(missing_ok=True)
        return erased

    def _refuse_running(self, target: _Target) -> None:
        for run in target.runs:
            if (lock := run_lock(self._settings, run)).exists():
                with held(lock, f"run {run} is at work in another process; wait for it to end"):
                    pass

    def _target(self, id: str) -> _Target:
        sessions = Sessions(self._journal)
        if self._journal.find(f"{DONE}:{id}") is not None:
            raise InputError("was deleted already", id)
        if sessions.exists(id):
            heads = self._journal.read(kind="session.turn", run=id)
            return self._with_applied(id, id, tuple(record.task for record in heads))
        if self._journal.find(f"{id}/{RUN}") is None:
            raise InputError("there is no such session or run; `opswright sessions list` shows what there is", id)
        if (session := sessions.of_run(id)) is not None:
            raise InputError(f"is a turn of session {session}; delete that", id)
        return self._with_applied(id, "", (id,))

    def _with_applied(self, id: str, session: str, runs: tuple[str, ...]) -> _Target:
        applied = tuple(name for run in runs for name in applied_runs(self._journal, run))
        asked = tuple(name for run in runs for name in asked_under(self._journal, run))
        return _Target(id, session, runs, applied, asked)

    def _attempts(self, target: _Target) -> Iterator[Attempt]:
        attempts = Attempts(self._journal)
        for run in (*target.runs, *target.applied):
            for record in self._journal.read(kind="effect.begun", run=run):
                found = attempts.get(record.seq)
                if found is not None:
                    yield found

    def _decide(self, target: _Target, standing: Standing) -> list[int]:
        """Ids of the changes whose undo records stay."""
        attempts = [one for one in self._attempts(target) if one.undo is not None and one.how_undone is None]
        if left := [one for one in attempts if not one.kept]:
            raise InputError(
                f"{_named(left)} is open: neither finished nor undone; `opswright undo` shows it", target.id
            )
        if attempts and standing == "refuse":
            raise InputError(
                f"{_named(attempts)} still stands and could not be undone any more: undo it first, or say with "
                "--standing whether to keep its undo record (and the text in it) or to forget it",
                target.id,
            )
        return [one.seq for one in attempts] if standing == "keep" else []

    def _erase(self, target: _Target, kept: Sequence[int]) -> Erased:
        removed, elsewhere = self._remove_receipts(target)
        threads = [thread_of(run, attempt) for run in target.runs for attempt in range(self._attempts_made(run) + 1)]
        forget_threads(self._settings, threads)
        self._forget_answers(target)
        if target.session:
            self._forget_lines(target.session)
        payloads = list(self._payloads(target, set(kept)))
        rewrite(self._journal.path, payloads, target.id)
        self._journal.close()
        compact(self._journal.path)
        self._journal.append(DONE, {"records": len(payloads)}, key=f"{DONE}:{target.id}")
        return Erased(target.id, target.runs, len(payloads), removed, tuple(kept), elsewhere)

    def _attempts_made(self, run: str) -> int:
        return sum(1 for _ in self._journal.read(kind="run.ended", run=run))

    def _payloads(self, target: _Target, kept: set[int]) -> Iterator[tuple[int, Json]]:
        """The records that change, and what they are to hold."""
        for record in self._records(target):
            payload = without_text(record.kind, record.payload, target.id, keep_undo=record.seq in kept)
            if payload != record.payload:
                yield record.seq, payload

    def _records(self, target: _Target) -> Iterator[Record]:
        for run in dict.fromkeys((target.session, *target.runs, *target.applied)):
            if run:
                yield from self._journal.read(run=run)
        for head in self._journal.newest("approval.asked"):  # `apply` asks under the receipt, not under a run
            if head.task in target.asked and (record := self._journal.get(head.seq)) is not None:
                yield record

    def _remove_receipts(self, target: _Target) -> tuple[int, tuple[str, ...]]:
        """How many were removed; those in places that the user chose stay and are named."""
        folder, removed = self._settings.receipts_dir, 0
        for run in target.runs:
            for path in folder.glob(f"{run}-*.json"):
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise StoreFailed(f"{path}: {error.strerror}; the session is not deleted yet") from error
                removed += 1
        written = [one.payload.get("path", "") for run in target.runs for one in self._journal.read("receipt", run)]
        return removed, tuple(path for path in written if path and Path(path).exists())

    def _forget_answers(self, target: _Target) -> None:
        """What models said to these runs, out of the caches."""
        from opswright.tools.models.cache import forget

        questions = {
            record.payload.get("question", "")
            for run in target.runs
            for record in self._journal.read(kind="model.call", run=run)
        }
        forget(self._settings.cache_dir, {question for question in questions if question})


def _named(attempts: Sequence[Attempt]) -> str:
    first = ", ".join(f"{one.seq} ({one.action.effect})" for one in attempts[:3])
    more = f" and {len(attempts) - 3} more" if len(attempts) > 3 else ""
    return f"change {first}{more}"
