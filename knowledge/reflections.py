"""Reflections: what judged episodes taught, as events in the append-only journal, folded when they are read.

A lesson starts as a candidate, becomes active when an accepted episode or a second one confirms it, and ends superseded
(another won in its scope) or retired (it did harm, it expired, or a person said so). Only judged outcomes write: an
undecided episode teaches nothing. The same lesson said again merges into the first; two that contradict each other in
one scope are both kept, with their evidence, until one is clearly ahead.

Scopes are paths such as `acme/s3`: what holds for `acme` holds there too, and the empty scope holds everywhere.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, Protocol

from opswright.errors import InputError
from opswright.knowledge.ranking import bm25, words
from opswright.nouns import Json, Outcome, Verdict, digest
from opswright.redaction import Redactor

KIND = "reflection"
FORGOTTEN = "forgotten"  # the event of a lesson that was deleted with the session it came from
DAY_S = 86400.0
EXPIRES_AFTER_DAYS = 180.0  # unless confirmed again in the meantime
HARM_RETIRES = 2  # harmful uses more than helpful ones
AHEAD_WINS = 3  # points between two that contradict each other

Status = Literal["candidate", "active", "superseded", "retired"]


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
    def at(self) -> float: ...
    @property
    def payload(self) -> Json: ...


class Log(Protocol):
    """The part of the journal that is used here."""

    def append(self, kind: str, payload: Json, *, run: str = "", task: str = "", key: str | None = None) -> int:
        """Adds one row; the same key twice adds nothing."""
        ...

    def read(self, kind: str | None = None) -> Iterator[Row]:
        """Rows of a kind, oldest first."""
        ...


@dataclass(frozen=True)
class Evidence:
    """Where a lesson comes from: the run and receipt, and how things stood before and after."""

    run: str
    receipt: str = ""
    before: Json = None
    after: Json = None


@dataclass(frozen=True)
class Reflection:
    """One lesson as it stands now. `id` goes into the receipts of the runs that used it."""

    id: str
    specialist: str
    scope: str
    kind: str
    content: Mapping[str, Json]
    text: str
    status: Status
    evidence: tuple[Evidence, ...]
    confirmed_at: float
    helpful: int = 0
    harmful: int = 0
    why: str = ""  # it was superseded or retired

    @property
    def points(self) -> int:
        """What speaks for it: independent episodes and helpful uses, less harmful ones."""
        return len({one.run for one in self.evidence}) + self.helpful - self.harmful

    @property
    def subject(self) -> str:
        """Two lessons about the same subject in one scope contradict each other when their contents differ."""
        return (
            digest([self.specialist, self.scope, self.kind, self.content["about"]]) if "about" in self.content else ""
        )


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
        """One lesson with its evidence. Raises InputError when there is none of that id."""
        for one in self.all():
            if one.id == id:
                return one
        raise InputError("there is no such reflection; `opswright memory list` shows them", id)

    def all(self) -> tuple[Reflection, ...]:
        """Every lesson as it stands now, oldest first."""
        rows = ((row.at, row.payload) for row in self._journal.read(KIND))
        return tuple(fold(rows, self._clock(), self._expires_after_s))

    def recall(self, specialist: str, scope: str, query: str, limit: int = 5) -> Sequence[Reflection]:
        """Active lessons that hold in this scope, most useful first: by BM25 with the query, then by points."""
        holding = [
            one
            for one in self.all()
            if one.status == "active" and one.specialist == specialist and _holds(one.scope, scope)
        ]
        scores = bm25(words(query), [words(f"{one.kind} {one.text} {_strings(one.content)}") for one in holding])
        ranked = sorted(
            zip(scores, holding, strict=True),
            key=lambda pair: (-pair[0] * _trust(pair[1]), -len(pair[1].scope), -pair[1].points, pair[1].id),
        )
        return tuple(one for _, one in ranked[: max(0, limit)])

    def _ended(self, id: str, event: dict[str, Json]) -> None:
        self._journal.append(KIND, self._redactor.value(event), key=f"reflection-{event['event']}:{id}")


def lesson_id(specialist: str, scope: str, kind: str, content: Mapping[str, Json], text: str) -> str:
    """The same for near duplicates: spacing does not count, nor does the wording where there is content.

    Letter case counts: AWS resource names differ by it.
    """
    said = _plain(dict(content)) if content else sorted(set(words(text)))
    return digest([specialist, scope, kind, said])[:16]


def fold(rows: Iterable[tuple[float, Mapping[str, Json]]], now: float, expires_after_s: float) -> list[Reflection]:
    """The lessons that (time, event) rows add up to at the time `now`. Pure."""
    found: dict[str, Reflection] = {}
    for at, event in rows:
        if event["event"] == FORGOTTEN:
            continue
        old = found.get(event["id"])
        if event["event"] == "learned":
            found[event["id"]] = _learned(old, event, at)
        elif old is not None:
            found[event["id"]] = _changed(old, event)
    return _settled([_aged(one, now, expires_after_s) for one in found.values()])


def _learned(old: Reflection | None, event: Mapping[str, Json], at: float) -> Reflection:
    evidence = Evidence(**event["evidence"])
    proved = event["outcome"] == Outcome.ACCEPTED
    if old is None:
        fields = {name: event[name] for name in ("id", "specialist", "scope", "kind", "content", "text")}
        return Reflection(**fields, status="active" if proved else "candidate", evidence=(evidence,), confirmed_at=at)
    again = any(one.run != evidence.run for one in old.evidence)
    confirmed = old.status == "candidate" and (proved or again)
    status: Status = "active" if confirmed else old.status
    return replace(old, evidence=(*old.evidence, evidence), confirmed_at=at, status=status)


def _changed(old: Reflection, event: Mapping[str, Json]) -> Reflection:
    if event["event"] == "used":
        helped = bool(event["helped"])
        old = replace(old, helpful=old.helpful + helped, harmful=old.harmful + (not helped))
        if old.status in ("candidate", "active") and old.harmful - old.helpful >= HARM_RETIRES:
            return replace(old, status="retired", why="did more harm than good")
        return old
    if event["event"] == "superseded":
        return replace(old, status="superseded", why=f"by {event['by']}: {event['why']}")
    return replace(old, status="retired", why=event["why"])


def _aged(one: Reflection, now: float, expires_after_s: float) -> Reflection:
    if one.status in ("candidate", "active") and now - one.confirmed_at > expires_after_s:
        return replace(one, status="retired", why="expired: nothing confirmed it in time")
    return one


def _settled(lessons: list[Reflection]) -> list[Reflection]:
    """Of active lessons about one subject, those clearly behind the best one are superseded by it."""
    best: dict[str, Reflection] = {}
    for one in lessons:
        if one.status == "active" and one.subject and one.points > best.get(one.subject, _NOBODY).points:
            best[one.subject] = one
    return [_beaten(one, best[one.subject]) if one.subject in best else one for one in lessons]


def _beaten(one: Reflection, best: Reflection) -> Reflection:
    if one.status != "active" or one.id == best.id or best.points - one.points < AHEAD_WINS:
        return one
    return replace(one, status="superseded", why=f"by {best.id}: {best.points} points against {one.points}")


_NOBODY = Reflection("", "", "", "", {}, "", "retired", (), 0.0, harmful=10**9)


def _holds(lesson_scope: str, scope: str) -> bool:
    return lesson_scope in ("", scope) or scope.startswith(f"{lesson_scope}/")


def _trust(one: Reflection) -> float:
    return (1 + one.helpful) / (1 + one.helpful + one.harmful)


def _plain(value: Json) -> Json:
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _strings(value: Json) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_strings(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(_strings(item) for item in value)
    return str(value)
