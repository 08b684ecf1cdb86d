"""What a lesson is, and how the events of the journal add up to lessons. Pure.

The same lesson said again merges into the first, and so does a near duplicate: one without typed content whose words
are the same but for their endings and for words that say nothing. Names, numbers, negations and what points in a
direction must be the same. Two lessons that contradict each other in one scope are both kept, with their evidence,
until one is clearly ahead.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from opswright.knowledge.ranking import words
from opswright.nouns import Json, Outcome, digest

FORGOTTEN = "forgotten"  # the event of a lesson that was deleted with the session it came from
HARM_RETIRES = 2  # harmful uses more than helpful ones
AHEAD_WINS = 3  # points between two that contradict each other

Status = Literal["candidate", "active", "superseded", "retired"]

# Between texts that differ in nothing else, these say nothing.
_WEAK = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "been", "being", "by", "called", "can", "do", "does", "in", "is",
    "it", "its", "named", "of", "on", "please", "should", "so", "that", "the", "their", "then", "there", "these",
    "this", "those", "to", "use", "used", "uses", "using", "usually", "was", "were", "which", "will", "with", "you",
    "your",
})  # fmt: skip
# With one of these the order of the words says which is which.
_DIRECTION = frozenset({
    "after", "against", "before", "below", "above", "but", "except", "first", "from", "instead", "into", "last",
    "less", "more", "not", "over", "than", "then", "to", "under", "until", "unless", "versus", "without",
})  # fmt: skip


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


class Lessons:
    """Lessons as further events come in, in the order of the journal."""

    def __init__(self) -> None:
        self._found: dict[str, Reflection] = {}
        self._same: dict[str, str] = {}  # the id of the lesson that a near duplicate of this id merged into
        self._first: dict[str, str] = {}  # the id of the first lesson that says this

    def apply(self, at: float, event: Mapping[str, Json]) -> None:
        """Takes one event in; `at`: seconds since the epoch."""
        if event["event"] == FORGOTTEN:
            return
        if event["event"] == "learned":
            self._learn(at, event)
        elif (old := self._found.get(self.kept_as(event["id"]))) is not None:
            self._found[old.id] = _changed(old, event)

    def kept_as(self, id: str) -> str:
        """The id that a lesson is kept under: its own, or that of the one it merged into."""
        return self._same.get(id, id)

    def settled(self, now: float, expires_after_s: float) -> list[Reflection]:
        """Every lesson as it stands at a time, oldest first."""
        return _settled([_aged(one, now, expires_after_s) for one in self._found.values()])

    def _learn(self, at: float, event: Mapping[str, Json]) -> None:
        id = self.kept_as(event["id"])
        if id not in self._found:
            said = _gist(event)
            id = self._first.setdefault(said, id) if said else id
            if id != event["id"]:
                self._same[event["id"]] = id
        self._found[id] = _learned(self._found.get(id), event, at)


def fold(rows: Iterable[tuple[float, Mapping[str, Json]]], now: float, expires_after_s: float) -> list[Reflection]:
    """The lessons that (time, event) rows add up to at the time `now`."""
    lessons = Lessons()
    for at, event in rows:
        lessons.apply(at, event)
    return lessons.settled(now, expires_after_s)


def lesson_id(specialist: str, scope: str, kind: str, content: Mapping[str, Json], text: str) -> str:
    """The same for near duplicates: spacing does not count, nor does the wording where there is content.

    Letter case counts: AWS resource names differ by it. Where there is only text, the order of its words counts where
    one of them points in a direction.
    """
    if content:
        return digest([specialist, scope, kind, _plain(dict(content))])[:16]
    said = words(text)
    return digest([specialist, scope, kind, said if _DIRECTION & set(said) else sorted(set(said))])[:16]


def _gist(event: Mapping[str, Json]) -> str:
    """Equal for near duplicates; empty for a lesson with typed content, which its id alone tells apart."""
    if event["content"]:
        return ""
    every = event["text"].split()
    every = [every[0][:1].lower() + every[0][1:], *every[1:]] if every[1:] else every
    said = [part for word in every if (part := _weighed(word))]
    ordered = said if _DIRECTION & set(said) else sorted(set(said))
    return digest([event["specialist"], event["scope"], event["kind"], ordered]) if said else ""


def _weighed(word: str) -> str:
    """A word without its ending; a name, a number or a pattern as it is; nothing for a word that says nothing."""
    bare = word.strip(".,;:!?\"'()")
    if not re.fullmatch(r"[a-z]+", bare) or bare in _DIRECTION:
        return bare
    return "" if bare in _WEAK else re.sub(r"(?<=[a-z]{3})(?:ing|ed|es|s|e)$", "", bare)


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


def _plain(value: Json) -> Json:
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
