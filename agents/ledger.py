"""The ledger: reserve the worst case before a step, settle what it really took afterwards.

Money is counted in whole nano-dollars (costs rounded up, limits down), so that no sum of small calls drifts past a
limit. Seconds are elapsed time since the ledger was opened, by the clock that was passed in: a reservation of seconds
fits when the step would end before the limit even if it takes its worst. Ledgers nest: a task's reservation must fit
the task and every ledger above it, or nothing is reserved anywhere.

A reservation that is left without `settle` or `release` is charged in full: the call may have happened.
"""

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from types import TracebackType
from typing import Protocol

from opswright.errors import BudgetSpent
from opswright.knowledge.journal import Journal
from opswright.nouns import Budget, Json, Usage

_NANO = Decimal(10**9)
RESERVE, SETTLE = "ledger.reserve", "ledger.settle"


class Book(Protocol):
    """Where reservations are written down so that they outlive a crash (the journal)."""

    def append(self, kind: str, payload: Json, *, run: str = "", task: str = "", key: str | None = None) -> int:
        """Adds one row."""
        ...


@dataclass(frozen=True)
class _Count:
    """What is counted against the limits."""

    nanos: int = 0
    tokens: int = 0
    trials: int = 0

    def __add__(self, other: "_Count") -> "_Count":
        return _Count(self.nanos + other.nanos, self.tokens + other.tokens, self.trials + other.trials)

    def __sub__(self, other: "_Count") -> "_Count":
        return _Count(self.nanos - other.nanos, self.tokens - other.tokens, self.trials - other.trials)


def _nanos(usd: float, rounding: str) -> int:
    return int((Decimal(repr(float(usd))) * _NANO).to_integral_value(rounding))


def _count(usage: Usage) -> _Count:
    if usage.cost_usd < 0 or usage.tokens_in < 0 or usage.tokens_out < 0 or usage.trials < 0 or usage.seconds < 0:
        raise ValueError(f"a usage cannot be negative: {usage}")
    return _Count(_nanos(usage.cost_usd, ROUND_CEILING), usage.tokens, usage.trials)


class Reservation:
    """A worst case held back for one step. As a context manager it is charged in full unless settled or released."""

    def __init__(self, ledger: "Ledger", worst: Usage, id: str) -> None:
        self.worst, self.id = worst, id
        self._ledger = ledger
        self._open = True

    def settle(self, actual: Usage) -> None:
        """Replaces the worst case by what was really spent, even where that is more. Settling twice does nothing."""
        self._ledger._close(self, actual)

    def release(self) -> None:
        """Gives all of it back: the step certainly did not happen."""
        self._ledger._close(self, Usage())

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ledger._close(self, replace(self.worst, seconds=0.0, estimated=True))


class Ledger:
    """What one task or one session may spend, and has spent. Safe to share between threads.

    `carried` is what earlier processes of the same run spent (see `carried_over`). With a `book` every reservation and
    settlement is written down as a row of this `run` and `task`.
    """

    def __init__(
        self,
        budget: Budget,
        clock: Callable[[], float],
        parent: "Ledger | None" = None,
        *,
        name: str = "task",
        carried: Usage | None = None,
        book: Book | None = None,
        run: str = "",
        task: str = "",
    ) -> None:
        self.budget, self.parent, self.name = budget, parent, name
        self._clock, self._opened = clock, clock()
        self._book, self._run, self._task = book, run, task
        # One lock for the whole tree: a reservation is checked and taken on every level at once.
        self._lock: threading.RLock = parent._lock if parent else threading.RLock()
        self._spent = carried or Usage()
        self._count = _count(self._spent)
        self._held = _Count()

    @property
    def spent(self) -> Usage:
        """Settled usage; `seconds` is the elapsed time, earlier processes included; money as it is counted."""
        with self._lock:
            return replace(self._spent, cost_usd=self._count.nanos / 10**9, seconds=self._elapsed())

    @property
    def remaining(self) -> Budget:
        """What can still be reserved here and on every ledger above; None is unlimited. Never negative."""
        with self._lock:
            here = self._remaining_here()
            return here if self.parent is None else _tighter(here, self.parent.remaining)

    def reserve(self, worst: Usage, what: str = "the next step") -> Reservation:
        """Holds `worst` back on this ledger and all above it. Raises BudgetSpent, and then holds nothing."""
        need = _count(worst)
        reservation = Reservation(self, worst, uuid.uuid4().hex)
        with self._lock:
            for ledger in self._chain():
                ledger._check(need, worst, what)
            self._write(RESERVE, reservation.id, worst)
            for ledger in self._chain():
                ledger._held += need
        return reservation

    def charge(self, usage: Usage, what: str = "the next step") -> None:
        """Reserves and settles at once: for a step whose cost is known beforehand, such as one trial."""
        self.reserve(usage, what).settle(usage)

    def _chain(self) -> "Iterable[Ledger]":
        ledger: Ledger | None = self
        while ledger is not None:
            yield ledger
            ledger = ledger.parent

    def _elapsed(self) -> float:
        return self._spent.seconds + max(0.0, self._clock() - self._opened)

    def _remaining_here(self) -> Budget:
        left, limit = self._count + self._held, self.budget
        usd = None if limit.usd is None else max(0, _nanos(limit.usd, ROUND_FLOOR) - left.nanos) / 10**9
        return Budget(
            usd=usd,
            tokens=None if limit.tokens is None else max(0, limit.tokens - left.tokens),
            seconds=None if limit.seconds is None else max(0.0, limit.seconds - self._elapsed()),
            trials=None if limit.trials is None else max(0, limit.trials - left.trials),
        )

    def _check(self, need: _Count, worst: Usage, what: str) -> None:
        taken, limit = self._count + self._held, self.budget
        if limit.usd is not None and taken.nanos + need.nanos > (most := _nanos(limit.usd, ROUND_FLOOR)):
            self._refuse(what, f"${need.nanos / 1e9:.6f}", f"${(most - taken.nanos) / 1e9:.6f}", f"${limit.usd:g}")
        if limit.tokens is not None and taken.tokens + need.tokens > limit.tokens:
            self._refuse(what, f"{need.tokens} tokens", f"{limit.tokens - taken.tokens}", f"{limit.tokens} tokens")
        if limit.trials is not None and taken.trials + need.trials > limit.trials:
            self._refuse(what, f"{need.trials} trials", f"{limit.trials - taken.trials}", f"{limit.trials} trials")
        if limit.seconds is not None and self._elapsed() + worst.seconds > limit.seconds:
            left = limit.seconds - self._elapsed()
            self._refuse(what, f"{worst.seconds:.1f} seconds", f"{left:.1f}", f"{limit.seconds:g} seconds")

    def _refuse(self, what: str, needed: str, left: str, limit: str) -> None:
        raise BudgetSpent(f"{what} may need {needed}, {left} left of the {self.name}'s limit of {limit}")

    def _close(self, reservation: Reservation, actual: Usage) -> None:
        with self._lock:
            if not reservation._open:
                return
            need, took = _count(reservation.worst), _count(actual)
            reservation._open = False
            for ledger in self._chain():
                ledger._held -= need
                ledger._count += took
                ledger._spent = replace(ledger._spent + actual, seconds=ledger._spent.seconds)
            self._write(SETTLE, reservation.id, actual)

    def _write(self, kind: str, id: str, usage: Usage) -> None:
        if self._book is not None:
            # A session's own ledger above its runs' is made up from their rows and has no book.
            session = [one for one in self._chain() if one._book is not None][-1]
            row = {"id": id, "usage": asdict(usage), "elapsed": self._elapsed(), "session": session._elapsed()}
            self._book.append(kind, row, run=self._run, task=self._task)


def rows_of(journal: Journal, run: str, task: str | None = None) -> Iterator[tuple[str, Json]]:
    """The (kind, payload) rows of a run, or of one of its tasks, that `carried_over` adds up."""
    return ((record.kind, record.payload) for record in journal.read_kinds((RESERVE, SETTLE), run, task))


def carried_over(rows: Iterable[tuple[str, Mapping[str, Json]]], session: bool = False) -> Usage:
    """What the (kind, payload) rows of an earlier process add up to: those of one task, or of its whole `session`.

    A reservation that was never settled is charged in full: the process died while the call was under way.
    """
    open_: dict[str, Usage] = {}
    total, elapsed = Usage(), 0.0
    for kind, payload in rows:
        if kind not in (RESERVE, SETTLE):
            continue
        usage = replace(Usage(**payload["usage"]), seconds=0.0)
        elapsed = max(elapsed, float(payload["session" if session else "elapsed"]))
        if kind == RESERVE:
            open_[payload["id"]] = usage
        else:
            open_.pop(payload["id"], None)
            total += usage
    for usage in open_.values():
        total += replace(usage, estimated=True)
    return replace(total, seconds=elapsed)


def _lower(x: float | None, y: float | None) -> float | None:
    return y if x is None else x if y is None else min(x, y)


def _tighter(a: Budget, b: Budget) -> Budget:
    tokens, trials = _lower(a.tokens, b.tokens), _lower(a.trials, b.trials)
    return Budget(
        usd=_lower(a.usd, b.usd),
        tokens=None if tokens is None else int(tokens),
        seconds=_lower(a.seconds, b.seconds),
        trials=None if trials is None else int(trials),
    )
