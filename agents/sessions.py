"""Sessions: a conversation's turns in the journal, each of them one run, under one budget.

A session is one record; a turn is a record before its run begins and another each time the run ended. What a turn did
is in its run's own records. A run that belongs to no session (`-p`, a command) is listed as a session of one turn.
"""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from opswright.agents.ledger import Ledger, carried_over, rows_of
from opswright.agents.locks import held, session_lock
from opswright.agents.runs import ENDED, PLAN, RUN
from opswright.errors import InputError
from opswright.knowledge.erasure import ERASING
from opswright.knowledge.journal import Head, Journal
from opswright.nouns import Budget, Json, Usage, as_json
from opswright.redaction import Redactor
from opswright.settings import Settings

SESSION, TURN, TURN_ENDED, FILES = "session", "session.turn", "session.turn.ended", "session.files"
TITLE_LENGTH = 60
# How a turn stands, beside how a run may end.
RUNNING, INTERRUPTED, TALK, NOT_ENDED = "running", "interrupted", "talk", "not ended"


@dataclass(frozen=True)
class Turn:
    """One turn. `files`: names and digests; `carried`: what it took over, a line each; `status` of its last end."""

    number: int
    run: str
    at: float
    request: str
    files: tuple[Mapping[str, str], ...] = ()
    carried: tuple[str, ...] = ()
    status: str = RUNNING
    answer: str = ""
    usage: Usage = field(default_factory=Usage)
    tier: str = ""
    receipts: tuple[str, ...] = ()
    ended: bool = False


@dataclass(frozen=True)
class Session:
    """A session as it stands. `files`: names of what is attached."""

    id: str
    started: float
    turns: tuple[Turn, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The beginning of its first request."""
        return title_of(self.turns[0].request) if self.turns else ""


@dataclass(frozen=True)
class Summary:
    """A line of `sessions list`. `run`: the last turn's."""

    id: str
    kind: Literal["chat", "run"]
    title: str
    turns: int
    started: float
    last: float
    run: str
    status: str
    usage: Usage = field(default_factory=Usage)
    tasks: tuple[str, ...] = ()


def title_of(request: str) -> str:
    """The first line of a request, cut at a word."""
    line = " ".join(request.strip().partition("\n")[0].split())
    if len(line) <= TITLE_LENGTH:
        return line
    return f"{line[: TITLE_LENGTH - 3].rpartition(' ')[0] or line[: TITLE_LENGTH - 3]}..."


class WorkingTime:
    """Seconds that passed while turns were at work: what is typed and thought in between costs no budget."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._sum = clock, 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        return self._sum + (0.0 if self._since is None else self._clock() - self._since)

    @contextmanager
    def running(self) -> Iterator[None]:
        """For the length of a turn."""
        self._since = self._clock()
        try:
            yield
        finally:
            self._sum, self._since = self(), None


class Sessions:
    """The sessions of one journal."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def create(self, id: str) -> None:
        """Writes a new session down, unless it is there."""
        self.journal.append(SESSION, {}, run=id, key=f"{id}/{SESSION}")

    def get(self, id: str) -> Session:
        """A session. Raises InputError when there is none, or it was deleted."""
        record = self.journal.find(f"{id}/{SESSION}")
        if record is None:
            raise InputError("there is no such session; `opswright sessions list` shows what there is", id)
        self._refuse_erased(id)
        turns: dict[str, Turn] = {}
        files: tuple[str, ...] = ()
        for row in self.journal.read(run=id):
            if row.kind == TURN:
                turns[row.task] = _turn(row.task, row.at, row.payload)
                files = tuple(one["name"] for one in row.payload["files"])
            elif row.kind == TURN_ENDED and row.task in turns:
                turns[row.task] = _ended(turns[row.task], row.payload)
            elif row.kind == FILES:
                files = tuple(row.payload["names"])
        return Session(id, record.at, tuple(turns.values()), files)

    def exists(self, id: str) -> bool:
        """Is it a session's id (and not a run's)?"""
        return self.journal.find(f"{id}/{SESSION}") is not None

    def of_run(self, run: str) -> str | None:
        """The session a run is a turn of."""
        record = self.journal.find(f"turn:{run}")
        return None if record is None else record.run

    def latest(self) -> str | None:
        """The session that was used last."""
        for head in _merged(self.journal.newest(TURN), self.journal.newest(SESSION)):
            if self.journal.find(f"{ERASING}:{head.run}") is None:
                return head.run
        return None

    def begin_turn(self, id: str, turn: Turn) -> None:
        """Before the turn's run begins."""
        payload = {
            "number": turn.number,
            "request": Redactor().text(turn.request),
            "files": [dict(one) for one in turn.files],
            "carried": list(turn.carried),
        }
        self.journal.append(TURN, payload, run=id, task=turn.run, key=f"turn:{turn.run}")

    def end_turn(self, id: str, turn: Turn) -> None:
        """After it ended, once more when it was resumed."""
        payload = {
            "status": turn.status,
            "answer": Redactor().text(turn.answer),
            "usage": as_json(turn.usage),
            "tier": turn.tier,
            "receipts": list(turn.receipts),
        }
        self.journal.append(TURN_ENDED, payload, run=id, task=turn.run)

    def attach(self, id: str, names: Sequence[str]) -> None:
        """What is attached from now on."""
        self.journal.append(FILES, {"names": list(names)}, run=id)

    def spent(self, session: Session) -> Usage:
        """What all its turns spent, those that were killed included: from the ledgers' own rows."""
        total = Usage()
        for turn in session.turns:
            total += carried_over(rows_of(self.journal, turn.run), session=True)
        return total

    def ledger(self, session: Session, budget: Budget, clock: Callable[[], float] = time.monotonic) -> Ledger:
        """The session's ledger, above those of its turns; their rows are its book."""
        return Ledger(budget, clock, name="session", carried=self.spent(session))

    def summaries(self, limit: int) -> list[Summary]:
        """Sessions and single runs, used last first; of a big journal no more is read than these."""
        found: list[Summary] = []
        seen: set[str] = set()
        kinds = (self.journal.newest(kind) for kind in (TURN, SESSION, RUN))
        for head in _merged(*kinds):
            if head.kind == RUN and self.of_run(head.run) is not None:
                continue  # a session's turn stands for it
            if head.run in seen or self.journal.find(f"{ERASING}:{head.run}") is not None:
                continue
            seen.add(head.run)
            found.append(self._of_run(head) if head.kind == RUN else self._of_session(head.run))
            if len(found) == limit:
                break
        return found

    def _of_session(self, id: str) -> Summary:
        session = self.get(id)
        usage = sum((turn.usage for turn in session.turns), Usage())
        last = session.turns[-1] if session.turns else None
        at = last.at if last else session.started
        run, status = (last.run, last.status) if last else ("", "new")
        return Summary(id, "chat", session.title, len(session.turns), session.started, at, run, status, usage)

    def _of_run(self, head: Head) -> Summary:
        one = one_shot(self.journal, head.run)
        return Summary(
            head.run, "run", title_of(one.request), 1, head.at, one.last, head.run, one.status, one.usage, one.tasks
        )

    def _refuse_erased(self, id: str) -> None:
        record = self.journal.find(f"{ERASING}:{id}")
        if record is not None:
            when = time.strftime("%Y-%m-%d", time.localtime(record.at))
            raise InputError(f"was deleted on {when}; nothing of it is left to show", id)


@dataclass(frozen=True)
class OneShot:
    """A run that belongs to no session. `request`: its words, or its tasks' goals; `last`: when it ended."""

    request: str
    status: str
    last: float
    tasks: tuple[str, ...]
    usage: Usage
    answer: str = ""


def one_shot(journal: Journal, run: str) -> OneShot:
    """A single run. Raises InputError when there is none of this id."""
    begun, plan = journal.find(f"{run}/{RUN}"), journal.find(f"{run}/{PLAN}")
    if begun is None:
        raise InputError("there is no such session or run; `opswright sessions list` shows what there is", run)
    tasks = [] if plan is None else plan.payload.get("tasks", [])
    request = begun.payload.get("request", "") or "; ".join(one["goal"] for one in tasks)
    ids = tuple(one["id"] for one in tasks)
    ends = list(journal.read(kind=ENDED, run=run))
    if not ends:
        return OneShot(request, NOT_ENDED, begun.at, ids, Usage())
    payload = ends[-1].payload
    answer = journal.find(f"{run}/{payload['attempt']}/answer")
    usage = Usage(**payload["usage"]) if "usage" in payload else Usage()
    text = "" if answer is None else answer.payload.get("text", "")
    return OneShot(request, payload["status"], ends[-1].at, ids, usage, text)


def hold(settings: Settings, id: str) -> AbstractContextManager[None]:
    """One process at a session. Raises EnvironmentFailed while another has it."""
    return held(session_lock(settings, id), f"session {id} is open in another process; leave it there first")


def _merged(*heads: Iterable[Head]) -> Iterator[Head]:
    return heapq.merge(*heads, key=lambda head: -head.seq)


def _turn(run: str, at: float, payload: Mapping[str, Json]) -> Turn:
    files = tuple(dict(one) for one in payload["files"])
    return Turn(payload["number"], run, at, payload["request"], files, tuple(payload["carried"]))


def _ended(turn: Turn, payload: Mapping[str, Json]) -> Turn:
    return replace(
        turn,
        status=payload["status"],
        answer=payload["answer"],
        usage=Usage(**payload["usage"]),
        tier=payload["tier"],
        receipts=tuple(payload["receipts"]),
        ended=True,
    )
