"""What the journal knows of each effect: begun, done, undone, kept, and under whose lease.

Every step has a key (scope and action). Its attempts are numbered: only an attempt that is known not to stand any more
(never landed, or undone) is followed by another. All records are claimed under unique keys, so of several processes
exactly one begins an attempt.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from opswright.agents.approvals import read_action
from opswright.knowledge.erasure import ERASED
from opswright.knowledge.journal import Journal, Record
from opswright.nouns import Action, Json, UndoOp, as_json, digest


class How(StrEnum):
    """Why an attempt does not stand any more."""

    REVERTED = "reverted"  # by the run itself
    WATCHDOG = "watchdog"  # the owner died or the deadline passed
    PERSON = "person"  # `opswright undo`
    NEVER_LANDED = "never landed"  # it did not happen in the first place
    REPEATED = "repeated"  # a person approved doing it again without knowing whether it had happened


@dataclass(frozen=True)
class Scope:
    """What is undone or kept together: one trial or one adoption of a task. Actions are done once within it."""

    run: str
    task: str
    name: str

    def key(self, action: Action) -> str:
        """The idempotency key of an action in this scope."""
        return digest([self.run, self.task, self.name, action.hash])[:40]


@dataclass(frozen=True)
class Attempt:
    """One attempt at an effect, as it stands. `seq` is its undo id; `lease` its present owner's."""

    seq: int
    at: float
    key: str
    number: int
    scope: Scope
    action: Action
    undo: UndoOp | None
    external_key: str  # what the effect is called with; the same until an attempt was really reverted
    watched: bool
    lease: str
    deadline_at: float | None  # time.monotonic() of this boot, from which on its watchdog takes it back
    done: bool
    result: Json
    how_undone: How | None
    kept: bool
    erased: bool = False  # its text and captured values were deleted

    @property
    def open(self) -> bool:
        """Neither undone nor kept: what is left when its owner is gone."""
        return self.how_undone is None and not self.kept


@dataclass(frozen=True)
class Beginning:
    """What is written down before an effect."""

    scope: Scope
    action: Action
    undo: UndoOp | None
    lease: str
    watched: bool
    deadline_at: float | None = None


class Attempts:
    """The attempts in one journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def last(self, key: str) -> Attempt | None:
        """The newest attempt under a key."""
        record = self._journal.find(f"begun:{key}:0")
        number = 0
        while record is not None:
            number += 1
            following = self._journal.find(f"begun:{key}:{number}")
            if following is None:
                return self._attempt(record)
            record = following
        return None

    def get(self, seq: int) -> Attempt | None:
        """The attempt with this undo id."""
        record = self._journal.get(seq)
        return self._attempt(record) if record is not None and record.kind == "effect.begun" else None

    def of_scope(self, scope: Scope) -> Iterator[Attempt]:
        """All attempts of a trial or adoption, oldest first."""
        for record in self._journal.read("effect.begun", run=scope.run, task=scope.task):
            if record.payload["scope"] == scope.name:
                yield self._attempt(record)

    def of_lease(self, lease: str) -> Iterator[Attempt]:
        """What was begun under a lease or taken over by it, and is its own still, newest first.

        However much was done before the lease was taken, only what came after it is read.
        """
        taken = self._journal.find(f"lease:{lease}")
        since = 0 if taken is None else taken.seq
        begun = {one.seq for one in self._journal.read("effect.begun", after=since) if one.payload["lease"] == lease}
        moved = self._journal.read("effect.moved", after=since)
        begun |= {one.payload["attempt"] for one in moved if one.payload["lease"] == lease}
        found = (self.get(seq) for seq in sorted(begun, reverse=True))
        return (one for one in found if one is not None and one.lease == lease)

    def all(self) -> Iterator[Attempt]:
        """All attempts ever made, oldest first."""
        return (self._attempt(record) for record in self._journal.read("effect.begun"))

    def open(self) -> Iterator[Attempt]:
        """Attempts that are neither undone nor kept, oldest first; those that are cost a look at their key alone."""
        return map(self._attempt, self._journal.read_without("effect.begun", "begun", ("undone", "kept")))

    def standing(self) -> Iterator[Attempt]:
        """Attempts that are not undone, kept ones too, oldest first."""
        return map(self._attempt, self._journal.read_without("effect.begun", "begun", ("undone",)))

    def begin(self, beginning: Beginning, last: Attempt | None) -> Attempt | None:
        """Intent and undo record, on disk when this returns; None when another process began first."""
        key = beginning.scope.key(beginning.action)
        number = 0 if last is None else last.number + 1
        payload = {
            "key": key,
            "number": number,
            "scope": beginning.scope.name,
            "action": as_json(beginning.action),
            "undo": None if beginning.undo is None else as_json(beginning.undo),
            "external_key": _external_key(key, last),
            "lease": beginning.lease,
            "watched": beginning.watched,
            "deadline_at": beginning.deadline_at,
        }
        run, task = beginning.scope.run, beginning.scope.task
        if not self._journal.claim("effect.begun", payload, key=f"begun:{key}:{number}", run=run, task=task):
            return None
        record = self._journal.find(f"begun:{key}:{number}")
        return None if record is None else self._attempt(record)

    def fresh(self, attempt: Attempt) -> Attempt:
        """The same attempt as it stands now."""
        return self.get(attempt.seq) or attempt

    def mark_done(self, attempt: Attempt, result: Json, recovered: bool = False) -> Attempt:
        """It happened, and this is its result."""
        self._mark("done", attempt, {"result": result, "recovered": recovered})
        return self.fresh(attempt)

    def mark_undone(self, attempt: Attempt, how: How, who: str) -> None:
        """It does not stand any more."""
        self._mark("undone", attempt, {"how": how, "who": who})

    def mark_kept(self, attempt: Attempt) -> None:
        """Its result was adopted: only `undo ID` takes it back."""
        self._mark("kept", attempt, {})

    def mark_taken_back_again(self, attempt: Attempt, who: str) -> None:
        """It was undone while in progress, and once more when it had ended."""
        self._mark("again", attempt, {"who": who})

    def taken_back_again(self, attempt: Attempt) -> bool:
        """Was it reverted after it had ended?"""
        return self._journal.find(f"again:{attempt.key}:{attempt.number}") is not None

    def note(self, kind: str, attempt: Attempt, payload: Mapping[str, Json]) -> None:
        """Something worth knowing about an attempt that does not change its state."""
        named = {"attempt": attempt.seq, **payload}
        self._journal.append(kind, named, run=attempt.scope.run, task=attempt.scope.task)

    def move(self, attempt: Attempt, lease: str, deadline_at: float | None = None) -> Attempt:
        """A successor takes over a dead owner's attempt, with a deadline of its own: the clock may be another boot's.

        Call it under the old lease's work lock.
        """
        moves = 0
        while self._journal.find(f"moved:{attempt.key}:{attempt.number}:{moves}") is not None:
            moves += 1
        self._mark("moved", attempt, {"lease": lease, "deadline_at": deadline_at}, suffix=f":{moves}")
        return self.fresh(attempt)

    def _mark(self, what: str, attempt: Attempt, payload: Mapping[str, Json], suffix: str = "") -> None:
        self._journal.append(
            f"effect.{what}",
            {"attempt": attempt.seq, **payload},
            run=attempt.scope.run,
            task=attempt.scope.task,
            key=f"{what}:{attempt.key}:{attempt.number}{suffix}",
        )

    def _attempt(self, record: Record) -> Attempt:
        payload = record.payload
        name = f"{payload['key']}:{payload['number']}"
        done = self._journal.find(f"done:{name}")
        undone = self._journal.find(f"undone:{name}")
        undo, owned = payload["undo"], self._owned(name, payload)
        return Attempt(
            seq=record.seq,
            at=record.at,
            key=payload["key"],
            number=payload["number"],
            scope=Scope(record.run, record.task, payload["scope"]),
            action=read_action(payload["action"]),
            undo=None if undo is None else UndoOp(undo["effect"], undo["captured"]),
            external_key=payload["external_key"],
            watched=payload["watched"],
            lease=str(owned["lease"]),
            deadline_at=owned.get("deadline_at"),
            done=done is not None,
            result=None if done is None else done.payload["result"],
            how_undone=None if undone is None else How(undone.payload["how"]),
            kept=self._journal.find(f"kept:{name}") is not None,
            erased=ERASED in payload,
        )

    def _owned(self, name: str, begun: Mapping[str, Json]) -> Mapping[str, Json]:
        """Lease and deadline of its present owner."""
        owned, moves = begun, 0
        while (record := self._journal.find(f"moved:{name}:{moves}")) is not None:
            owned = record.payload
            moves += 1
        return owned


def _external_key(key: str, last: Attempt | None) -> str:
    # A system that keeps idempotency keys must not swallow the repetition of what was really taken back, and must
    # swallow the repetition of what was only believed not to have happened.
    if last is None:
        return f"{key}-0"
    really_taken_back = last.how_undone in (How.REVERTED, How.WATCHDOG, How.PERSON)
    return f"{key}-{last.number + 1}" if really_taken_back else last.external_key
