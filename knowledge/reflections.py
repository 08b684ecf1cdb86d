"""Reflections: what judged episodes taught, as events in the append-only journal, folded when they are read.

A lesson starts as a candidate, becomes active when an accepted episode or a second one confirms it, and ends superseded
(another won in its scope) or retired (it did harm, it expired, or a person said so). Only judged outcomes write: an
undecided episode teaches nothing. How events add up to lessons is in lessons.py.

Scopes are paths such as `acme/s3`: what holds for `acme` holds there too, and the empty scope holds everywhere.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from opswright.errors import InputError
from opswright.knowledge.lessons import FORGOTTEN, Evidence, Lessons, Reflection, Status, fold, lesson_id
from opswright.knowledge.ranking import bm25
from opswright.knowledge.terms import index_terms, query_terms
from opswright.nouns import Json, Outcome, Verdict
from opswright.redaction import Redactor

__all__ = ["FORGOTTEN", "KIND", "Evidence", "Reflection", "Reflections", "Status", "fold", "lesson_id"]

KIND = "reflection"
REWRITTEN = "erasure.rewritten"  # a record of this kind says that older ones were changed: a session was deleted
DAY_S = 86400.0
EXPIRES_AFTER_DAYS = 180.0  # unless confirmed again in the meantime


class Taught(Protocol):
    """What a reflector hands over (a Lesson of agents/ports.py)."""

    @property
    def scope(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def content(self) -> Mapping[str, Json]: ...
    @property
    def text(self) -> str: ...


class Row(Protocol):
    """One row of the journal."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> float: ...
    @property
    def payload(self) -> Json: ...


class Log(Protocol):
    """The part of the journal that is used here."""

    def append(self, kind: str, payload: Json, *, run: str = "", task: str = "", key: str | None = None) -> int:
        """Adds one row; the same key twice adds nothing."""
        ...

    def read(
        self, kind: str | None = None, run: str | None = None, task: str | None = None, after: int = 0
    ) -> Iterator[Row]:
        """Rows of a kind with a number above `after`, oldest first."""
        ...

    def last(self, kind: str) -> int:
        """The number of the newest row of a kind; 0 where there is none."""
        ...


class Reflections:
    """The store; implements the Memory port. Times are seconds since the epoch, by `clock`."""

    def __init__(
        self,
        journal: Log,
        clock: Callable[[], float] = time.time,
        redactor: Redactor | None = None,
        expires_after_days: float = EXPIRES_AFTER_DAYS,
    ) -> None:
        self._journal, self._clock = journal, clock
        self._redactor = redactor or Redactor()
        self._expires_after_s = expires_after_days * DAY_S
        self._lock = threading.Lock()
        self._lessons, self._position, self._rewritten = Lessons(), 0, 0

    def learn(
        self, specialist: str, lessons: Iterable[Taught], verdict: Verdict, evidence: Evidence, task: str = ""
    ) -> tuple[str, ...]:
        """Writes the lessons of a judged episode and returns their ids; of an undecided one, nothing.

        Learning twice from the same run and task (a resume) writes once.
        """
        if verdict.outcome is Outcome.UNDECIDED:
            return ()
        ids = []
        for lesson in lessons:
            content = self._redactor.value(dict(lesson.content))
            text = self._redactor.text(lesson.text)
            id = lesson_id(specialist, lesson.scope, lesson.kind, content, text)
            payload = {
                "event": "learned",
                "id": id,
                "specialist": specialist,
                "scope": lesson.scope,
                "kind": lesson.kind,
                "content": content,
                "text": text,
                "outcome": str(verdict.outcome),
                "evidence": self._redactor.value(asdict(evidence)),
            }
            key = f"reflection:{evidence.run}:{task}:{id}"
            self._journal.append(KIND, payload, run=evidence.run, task=task, key=key)
            ids.append(id)
        return tuple(ids)

    def used(self, ids: Iterable[str], helped: bool, run: str, task: str = "") -> None:
        """Counts one judged use for each id: helpful where the episode that had it ended well."""
        for id in ids:
            event = {"event": "used", "id": id, "helped": helped}
            self._journal.append(KIND, event, run=run, task=task, key=f"reflection-used:{run}:{task}:{id}")

    def supersede(self, id: str, by: str, why: str) -> None:
        """Marks one lesson as replaced by another. Raises InputError for an unknown id."""
        self._ended(id, {"event": "superseded", "id": self.get(id).id, "by": self.get(by).id, "why": why})

    def retire(self, id: str, why: str) -> None:
        """Takes a lesson out of use for good. Raises InputError for an unknown id."""
        self._ended(id, {"event": "retired", "id": self.get(id).id, "why": why})

    def get(self, id: str) -> Reflection:
        """One lesson with its evidence, by its id or that of one that merged into it. Raises InputError."""
        found = self.all()
        kept = self._lessons.kept_as(id)
        for one in found:
            if one.id == kept:
                return one
        raise InputError("there is no such reflection; `opswright memory list` shows them", id)

    def all(self) -> tuple[Reflection, ...]:
        """Every lesson as it stands now, oldest first. Reads what the journal got since it was last asked."""
        with self._lock:
            rewritten = self._journal.last(REWRITTEN)
            if rewritten != self._rewritten:  # what was read may have been erased since
                self._lessons, self._position, self._rewritten = Lessons(), 0, rewritten
            for row in self._journal.read(KIND, after=self._position):
                self._lessons.apply(row.at, row.payload)
                self._position = row.seq
            return tuple(self._lessons.settled(self._clock(), self._expires_after_s))

    def recall(self, specialist: str, scope: str, query: str, limit: int = 5) -> Sequence[Reflection]:
        """Active lessons that hold in this scope, most useful first: by BM25 with the query, then by points.

        Over words and concepts, with the standard library alone, so that every installation recalls the same.
        """
        holding = [
            one
            for one in self.all()
            if one.status == "active" and one.specialist == specialist and _holds(one.scope, scope)
        ]
        texts = [index_terms(f"{one.kind} {one.text} {_strings(one.content)}") for one in holding]
        scores = bm25(query_terms(query), texts)
        ranked = sorted(
            zip(scores, holding, strict=True),
            key=lambda pair: (-pair[0] * _trust(pair[1]), -len(pair[1].scope), -pair[1].points, pair[1].id),
        )
        return tuple(one for _, one in ranked[: max(0, limit)])

    def _ended(self, id: str, event: dict[str, Json]) -> None:
        self._journal.append(KIND, self._redactor.value(event), key=f"reflection-{event['event']}:{id}")


def _holds(lesson_scope: str, scope: str) -> bool:
    return lesson_scope in ("", scope) or scope.startswith(f"{lesson_scope}/")


def _trust(one: Reflection) -> float:
    return (1 + one.helpful) / (1 + one.helpful + one.harmful)


def _strings(value: Json) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_strings(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(_strings(item) for item in value)
    return str(value)
