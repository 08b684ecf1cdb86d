"""Properties: whatever is reserved, settled, released or dropped, in whatever order, no limit is passed."""

import sys
import threading
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from opswright.agents.ledger import Ledger, Reservation, carried_over
from opswright.errors import BudgetSpent
from opswright.nouns import Budget, Usage
from tests.agents.test_ledger import Clock, Rows

AMOUNTS = st.integers(0, 40)
USAGES = st.builds(
    Usage,
    tokens_in=AMOUNTS,
    tokens_out=AMOUNTS,
    cost_usd=st.floats(0, 0.4, allow_nan=False).map(lambda usd: round(usd, 7)),
    trials=st.integers(0, 3),
)
BUDGETS = st.builds(
    Budget,
    usd=st.none() | st.floats(0, 2, allow_nan=False),
    tokens=st.none() | st.integers(0, 200),
    trials=st.none() | st.integers(0, 10),
)
TASKS = st.integers(0, 2)


def within(share: float, worst: Usage) -> Usage:
    """A part of the worst case."""
    return Usage(
        int(worst.tokens_in * share), int(worst.tokens_out * share), 0, worst.cost_usd * share, trials=worst.trials
    )


class LedgerMachine(RuleBasedStateMachine):
    """A session with three tasks against plain sums; the spending is also written down and carried over."""

    open_reservations = Bundle("open_reservations")

    def __init__(self) -> None:
        super().__init__()
        self.book = Rows()
        self.budgets: list[Budget] = []
        self.tasks: list[Ledger] = []
        self.held: dict[str, tuple[int, Usage]] = {}
        self.took: list[tuple[int, Usage]] = []
        self.overran = False

    @rule(session=BUDGETS, tasks=st.tuples(BUDGETS, BUDGETS, BUDGETS))
    def open(self, session: Budget, tasks: tuple[Budget, ...]) -> None:
        if self.tasks:
            return
        self.budgets = [*tasks, session]
        self.session = Ledger(session, Clock(), name="session")
        self.tasks = [Ledger(budget, Clock(), self.session, book=self.book) for budget in tasks]

    @rule(target=open_reservations, task=TASKS, worst=USAGES)
    def reserve(self, task: int, worst: Usage) -> Reservation | None:
        if not self.tasks:
            return None
        fits = self.fits(task, worst)
        try:
            reservation = self.tasks[task].reserve(worst)
        except BudgetSpent:
            assert not fits, "refused although it fits"
            return None
        assert fits, "taken although it does not fit"
        self.held[reservation.id] = (task, worst)
        return reservation

    @rule(reservation=consumes(open_reservations), share=st.floats(0, 1))
    def settle(self, reservation: Reservation | None, share: float) -> None:
        if reservation is not None:
            self.close(reservation, within(share, reservation.worst))

    @rule(reservation=consumes(open_reservations), more=USAGES)
    def settle_above(self, reservation: Reservation | None, more: Usage) -> None:
        if reservation is not None:
            self.overran = True
            self.close(reservation, reservation.worst + more)

    @rule(reservation=consumes(open_reservations))
    def drop(self, reservation: Reservation | None) -> None:
        if reservation is not None:
            with reservation:
                pass
            self.took.append(self.held.pop(reservation.id))

    @rule(reservation=consumes(open_reservations))
    def release(self, reservation: Reservation | None) -> None:
        if reservation is not None:
            reservation.release()
            self.held.pop(reservation.id)

    def close(self, reservation: Reservation, actual: Usage) -> None:
        reservation.settle(actual)
        task, _ = self.held.pop(reservation.id)
        self.took.append((task, actual))

    def fits(self, task: int, worst: Usage) -> bool:
        mine = [usage for owner, usage in [*self.took, *self.held.values()] if owner == task]
        every = [usage for _, usage in [*self.took, *self.held.values()]]
        return _fits([*mine, worst], self.budgets[task]) and _fits([*every, worst], self.budgets[3])

    @invariant()
    def nothing_is_overspent(self) -> None:
        if self.tasks and not self.overran:
            for ledger, budget in zip([*self.tasks, self.session], self.budgets, strict=True):
                assert _fits([ledger.spent], budget)

    @invariant()
    def the_sums_are_right(self) -> None:
        for number, ledger in enumerate(self.tasks):
            mine = [usage for owner, usage in self.took if owner == number]
            assert ledger.spent.tokens == sum(usage.tokens for usage in mine)
            assert ledger.spent.trials == sum(usage.trials for usage in mine)
            exact = sum(_nanos(usage.cost_usd, True) for usage in mine)
            assert ledger.spent.cost_usd == exact / 10**9

    @invariant()
    def the_book_says_the_same(self) -> None:
        every = [usage for _, usage in [*self.took, *self.held.values()]]
        assert carried_over(self.book.rows).tokens == sum(usage.tokens for usage in every)


def _nanos(usd: float, up: bool) -> int:
    from fractions import Fraction

    exact = Fraction(repr(usd)) * 10**9
    return -(-exact.numerator // exact.denominator) if up else exact.numerator // exact.denominator


def _fits(usages: list[Usage], budget: Budget) -> bool:
    money = budget.usd is None or sum(_nanos(one.cost_usd, True) for one in usages) <= _nanos(budget.usd, False)
    tokens = budget.tokens is None or sum(one.tokens for one in usages) <= budget.tokens
    return money and tokens and (budget.trials is None or sum(one.trials for one in usages) <= budget.trials)


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase


@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.lists(st.tuples(USAGES, st.floats(0, 1)), max_size=8), min_size=2, max_size=6),
    budget=BUDGETS,
    session_budget=BUDGETS,
)
def test_no_interleaving_of_threads_overspends(
    steps: list[list[tuple[Usage, float]]], budget: Budget, session_budget: Budget
) -> None:
    session = Ledger(session_budget, Clock())
    tasks = [Ledger(budget, Clock(), session) for _ in steps]
    together = threading.Barrier(len(steps))
    seen: list[bool] = []

    def work(task: Ledger, mine: list[tuple[Usage, float]]) -> Callable[[], None]:
        def run() -> None:
            together.wait()
            for worst, share in mine:
                try:
                    with task.reserve(worst) as held:
                        seen.append(_fits([task.spent], budget) and _fits([session.spent], session_budget))
                        if share < 0.9:
                            held.settle(within(share, worst))
                except BudgetSpent:
                    continue

        return run

    threads = [threading.Thread(target=work(task, mine)) for task, mine in zip(tasks, steps, strict=True)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # as many interleavings as the interpreter can make
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert all(seen)
    assert all(_fits([task.spent], budget) for task in tasks)
    assert _fits([session.spent], session_budget)
    assert session.spent.tokens == sum(task.spent.tokens for task in tasks)
