"""One task's records in the journal: what was proposed, tried, judged and adopted, and the history rebuilt from them.

Every record has a key made of run, task, round and kind, so that a node that runs twice (after a kill, or a resume)
finds what it wrote the first time instead of writing again.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from opswright.agents.approvals import read_action
from opswright.errors import StoreFailed
from opswright.knowledge.journal import Journal
from opswright.nouns import (
    Action,
    History,
    Json,
    Observation,
    Outcome,
    Proposal,
    Task,
    Tier,
    Trial,
    Verdict,
    as_json,
)

TASK, ASK, PRECHECK, OBSERVATION, VERDICT = "task", "ask", "precheck", "observation", "verdict"
ACTIONS, VERIFIED, OUTCOME, EPISODE = "actions", "verified", "outcome", "episode"
NOTE = "task.note"
LARGEST_BYTES = 256 * 1024  # of one note or observation, as JSON

_Noun = TypeVar("_Noun")


@dataclass(frozen=True)
class Ask:
    """What a tier answered in one round: a proposal to try, or how the round ended without one and a note why."""

    round: int
    tier: Tier
    proposal: Proposal | None
    ending: str = ""
    note: str = ""


@dataclass(frozen=True)
class Episode:
    """The records of one task of one run.

    `finished`: trials that were read once and cannot change any more, by run, task and round.
    """

    journal: Journal
    run: str
    task_id: str
    finished: dict[tuple[str, str, int], Trial] = field(default_factory=dict, compare=False, repr=False)

    def key(self, kind: str, round: int | None = None) -> str:
        """The unique key of a record."""
        place = "" if round is None else f"/{round}"
        return f"{self.run}/{self.task_id}{place}/{kind}"

    def write(self, kind: str, payload: Json, round: int | None = None) -> None:
        """Adds a record unless it is there."""
        key = self.key(kind, round)
        self.journal.append(kind, payload, run=self.run, task=self.task_id, key=key)

    def find(self, kind: str, round: int | None = None) -> Any | None:
        """A record's payload, or None."""
        record = self.journal.find(self.key(kind, round))
        return None if record is None else record.payload

    def note(self, name: str, make: Callable[[], Json]) -> Json:
        """What `make` returned the first time under this name in the task, in this process or a dead one.

        Raises StoreFailed for what is too large.
        """
        found = self.find(f"{NOTE}/{name}")
        if found is None:
            found = {"value": small(make(), f"note {name}")}
            self.journal.append(NOTE, found, run=self.run, task=self.task_id, key=self.key(f"{NOTE}/{name}"))
        return found["value"]

    def trace(self, kind: str, payload: Json) -> None:
        """Adds one more record of a kind."""
        self.journal.append(kind, payload, run=self.run, task=self.task_id)

    def task(self) -> Task:
        """The task as it was given. Raises StoreFailed when the journal has lost it."""
        payload = self.find(TASK)
        if payload is None:
            raise StoreFailed(
                f"{self.journal.path}: task {self.task_id} of run {self.run} is not there; start it again"
            )
        return _noun(Task, payload)

    def asks(self) -> list[Ask]:
        """Every round's answer, in order."""
        records = self.journal.read(kind=ASK, run=self.run, task=self.task_id)
        return sorted((_ask(record.payload) for record in records), key=lambda ask: ask.round)

    def write_ask(self, ask: Ask) -> None:
        """Adds a round's answer."""
        self.write(ASK, as_json(ask), ask.round)

    def find_ask(self, round: int) -> Ask | None:
        """A round's answer, when it was given already."""
        payload = self.find(ASK, round)
        return None if payload is None else _ask(payload)

    def find_verdict(self, kind: str, round: int | None = None) -> Verdict | None:
        """A verdict of any kind (`PRECHECK`, `VERDICT`, `VERIFIED`), when there is one."""
        payload = self.find(kind, round)
        return None if payload is None else read_verdict(payload)

    def find_observation(self, round: int) -> Observation | None:
        """A round's observation, when the trial was finished."""
        payload = self.find(OBSERVATION, round)
        return None if payload is None else _noun(Observation, payload)

    def history(self) -> History:
        """Every trial so far: the rounds that have a proposal and a precheck."""
        asks = [ask for ask in self.asks() if ask.proposal is not None]
        trials = [self._trial(ask) for ask in asks]
        return tuple(trial for trial in trials if trial is not None)

    def fix_actions(self, stage: str, make: Callable[[], Sequence[Action]]) -> None:
        """Fixes once what a trial (`trial/3`) or the `adoption` would do; an approval is for exactly these."""
        if self.find(f"{stage}/{ACTIONS}") is None:
            self.write(f"{stage}/{ACTIONS}", [as_json(action) for action in make()])

    def actions(self, stage: str) -> tuple[Action, ...]:
        """What was fixed for a stage."""
        return tuple(read_action(payload) for payload in self.find(f"{stage}/{ACTIONS}") or ())

    def write_outcome(self, attempt: int, payload: Json) -> None:
        """How the task ended in the run's attempt."""
        self.journal.append(OUTCOME, payload, run=self.run, task=self.task_id, key=self.key(f"{attempt}/{OUTCOME}"))

    def outcome(self, attempt: int | None = None) -> Json | None:
        """How the task ended in an attempt of the run, by default in the last one that it ended in."""
        if attempt is not None:
            return self.find(f"{attempt}/{OUTCOME}")
        found = [record.payload for record in self.journal.read(kind=OUTCOME, run=self.run, task=self.task_id)]
        return found[-1] if found else None

    def _trial(self, ask: Ask) -> Trial | None:
        place = (self.run, self.task_id, ask.round)
        if place in self.finished:
            return self.finished[place]
        precheck = self.find_verdict(PRECHECK, ask.round)
        if ask.proposal is None or precheck is None:
            return None
        verdict = self.find_verdict(VERDICT, ask.round)
        trial = Trial(ask.proposal, precheck, self.find_observation(ask.round), verdict)
        if verdict is not None:
            self.finished[place] = trial
        return trial

    def notes(self) -> list[str]:
        """Why rounds ended without a trial, in order: `low: endpoint ...`."""
        return [f"{ask.tier}: {ask.note}" for ask in self.asks() if ask.note]


def small(value: Json, what: str) -> Json:
    """The value, which a specialist wants kept in the journal for good. Raises StoreFailed when it is too large."""
    size = len(json.dumps(value, default=dict))
    if size > LARGEST_BYTES:
        raise StoreFailed(
            f"{what} has {size:,} bytes and at most {LARGEST_BYTES:,} go into the journal: its specialist must keep a "
            "file and note where it is, or note less"
        )
    return value


def read_verdict(payload: Mapping[str, Json]) -> Verdict:
    """A verdict from its JSON form."""
    return Verdict(Outcome(payload["outcome"]), payload["reason"], payload["evidence"], payload.get("more", False))


def read_proposal(payload: Mapping[str, Json]) -> Proposal:
    """A proposal from its JSON form."""
    return Proposal(Tier(payload["tier"]), payload["content"], payload["reason"])


def _ask(payload: Mapping[str, Json]) -> Ask:
    proposal = payload["proposal"]
    tier = Tier(payload["tier"])
    read = None if proposal is None else read_proposal(proposal)
    return Ask(payload["round"], tier, read, payload["ending"], payload["note"])


def _noun(kind: type[_Noun], payload: Mapping[str, Json]) -> _Noun:
    """A flat dataclass from its JSON form; fields it does not know are an older or newer program's."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in payload.items() if name in known})
