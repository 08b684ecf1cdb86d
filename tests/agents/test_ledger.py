"""The ledger: exact sums, nested limits, crashes; that no interleaving overspends is in test_ledger_properties."""

import sys
import threading
from typing import Any

import pytest

from opswright.agents.ledger import RESERVE, SETTLE, Ledger, carried_over
from opswright.errors import BudgetSpent
from opswright.nouns import Budget, Usage


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def ledger(**limits: Any) -> Ledger:
    return Ledger(Budget(**limits), Clock())


def test_a_reservation_counts_until_it_is_settled_at_what_it_took() -> None:
    it = ledger(tokens=100, usd=1.0)
    held = it.reserve(Usage(tokens_in=30, tokens_out=50, cost_usd=0.75))
    assert (it.remaining.tokens, it.remaining.usd) == (20, 0.25)
    assert it.spent.tokens == 0
    held.settle(Usage(tokens_in=30, tokens_out=5, cost_usd=0.1))
    assert (it.remaining.tokens, it.remaining.usd) == (65, 0.9)
    held.settle(Usage(tokens_in=1000))
    held.release()
    assert it.spent.tokens == 35, "the first settlement stands"


@pytest.mark.parametrize(
    "limits, worst, message",
    [
        (
            {"usd": 0.5},
            Usage(cost_usd=0.75),
            r"a call may need \$0.750000, \$0.500000 left of the task's limit of \$0.5",
        ),
        ({"tokens": 10}, Usage(tokens_in=11), "a call may need 11 tokens, 10 left of the task's limit of 10 tokens"),
        ({"trials": 0}, Usage(trials=1), "a call may need 1 trials, 0 left of the task's limit of 0 trials"),
        ({"seconds": 5}, Usage(seconds=6), "a call may need 6.0 seconds, 5.0 left of the task's limit of 5 seconds"),
    ],
)
def test_a_refusal_says_which_limit_what_is_left_and_what_was_needed(
    limits: dict[str, Any], worst: Usage, message: str
) -> None:
    it = ledger(**limits)
    with pytest.raises(BudgetSpent, match=message):
        it.reserve(worst, "a call")
    assert it.remaining == Budget(**limits), "a refused reservation holds nothing"


def test_a_limit_can_be_used_to_the_last_bit_and_free_steps_still_fit() -> None:
    it = ledger(usd=0.3, tokens=3)
    for _ in range(3):
        it.charge(Usage(cost_usd=0.1, tokens_in=1))  # 3 * 0.1 is more than 0.3 in floats
    assert it.remaining == Budget(usd=0.0, tokens=0)
    it.charge(Usage(trials=1))
    with pytest.raises(BudgetSpent):
        it.reserve(Usage(cost_usd=1e-12))


def test_costs_below_a_nano_dollar_are_rounded_up() -> None:
    it = ledger(usd=1e-9)
    it.charge(Usage(cost_usd=1e-12))
    with pytest.raises(BudgetSpent):
        it.charge(Usage(cost_usd=1e-12))


def test_leaving_without_settling_charges_in_full_and_release_gives_back() -> None:
    it = ledger(tokens=100)
    with pytest.raises(RuntimeError), it.reserve(Usage(tokens_out=40, seconds=9)):
        raise RuntimeError("the connection broke")
    assert (it.spent.tokens, it.spent.seconds, it.spent.estimated) == (40, 0.0, True)
    with it.reserve(Usage(tokens_out=60)) as held:
        held.release()
    assert it.remaining.tokens == 60


def test_taking_more_than_reserved_is_recorded_and_blocks_what_follows() -> None:
    it = ledger(tokens=100)
    it.reserve(Usage(tokens_out=50)).settle(Usage(tokens_out=170))
    assert it.spent.tokens == 170
    assert it.remaining.tokens == 0
    with pytest.raises(BudgetSpent, match="-70 left"):
        it.reserve(Usage())


def test_a_reservation_must_fit_the_task_and_the_session() -> None:
    clock = Clock()
    session = Ledger(Budget(tokens=100, usd=1), clock, name="session")
    first = Ledger(Budget(tokens=80), clock, session)
    second = Ledger(Budget(tokens=80), clock, session)
    held = first.reserve(Usage(tokens_in=60))
    assert second.remaining == Budget(tokens=40, usd=1.0)
    with pytest.raises(BudgetSpent, match="the session's limit"):
        second.reserve(Usage(tokens_in=41))
    with pytest.raises(BudgetSpent, match="the task's limit"):
        first.reserve(Usage(tokens_in=21))
    assert session.remaining.tokens == 40, "refusals hold nothing on either level"
    held.settle(Usage(tokens_in=10))
    second.charge(Usage(tokens_in=80))
    assert (first.spent.tokens, second.spent.tokens, session.spent.tokens) == (10, 80, 90)


def test_seconds_are_those_of_the_clock() -> None:
    clock = Clock()
    it = Ledger(Budget(seconds=10), clock, carried=Usage(seconds=2.0))
    clock.now = 5.0
    assert (it.spent.seconds, it.remaining.seconds) == (7.0, 3.0)
    it.charge(Usage(seconds=3.0))
    assert it.spent.seconds == 7.0, "a step's seconds are in the clock already"
    with pytest.raises(BudgetSpent):
        it.reserve(Usage(seconds=3.5))
    clock.now = 9.0
    assert it.remaining.seconds == 0.0
    with pytest.raises(BudgetSpent):
        it.reserve(Usage(tokens_in=1))


@pytest.mark.parametrize("usage", [Usage(tokens_in=-1), Usage(cost_usd=-0.1), Usage(trials=-1), Usage(seconds=-1)])
def test_nothing_negative_is_taken(usage: Usage) -> None:
    with pytest.raises(ValueError):
        ledger(tokens=1).reserve(usage)
    it = ledger(tokens=10)
    held = it.reserve(Usage(tokens_in=10))
    with pytest.raises(ValueError):
        held.settle(usage)
    assert it.remaining.tokens == 0, "the reservation still stands"


class Rows:
    """A book that keeps its rows in memory, and can be made to fail."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Any]] = []
        self.broken = False

    def append(self, kind: str, payload: Any, *, run: str = "", task: str = "", key: str | None = None) -> int:
        if self.broken:
            raise OSError("no room")
        self.rows.append((kind, payload))
        return len(self.rows)


def test_after_a_crash_the_next_process_carries_the_spending_on() -> None:
    clock, book = Clock(), Rows()
    it = Ledger(Budget(tokens=100, seconds=50), clock, book=book)
    it.reserve(Usage(tokens_in=30)).settle(Usage(tokens_in=10, cost_usd=0.5))
    it.reserve(Usage(tokens_in=9)).release()
    clock.now = 4.0
    it.reserve(Usage(tokens_in=20, seconds=30))  # the process dies here
    carried = carried_over([("other", {}), *book.rows])
    assert (carried.tokens, carried.cost_usd, carried.seconds, carried.estimated) == (30, 0.5, 4.0, True)
    again = Ledger(Budget(tokens=100, seconds=50), Clock(), carried=carried)
    assert again.remaining == Budget(tokens=70, seconds=46.0)
    assert [kind for kind, _ in book.rows] == [RESERVE, SETTLE] * 2 + [RESERVE]


def test_the_sessions_time_is_carried_on_and_not_its_longest_tasks() -> None:
    clock, book = Clock(), Rows()
    session = Ledger(Budget(seconds=50), clock, book=book)
    for end in (4.0, 7.0):
        task = Ledger(Budget(), clock, session, book=book)
        clock.now = end
        task.charge(Usage(trials=1))
    assert carried_over(book.rows, session=True).seconds == 7.0
    assert carried_over(book.rows[2:]).seconds == 3.0


def test_a_reservation_that_cannot_be_written_down_is_not_made() -> None:
    book = Rows()
    it = Ledger(Budget(tokens=100), Clock(), book=book)
    book.broken = True
    with pytest.raises(OSError):
        it.reserve(Usage(tokens_in=30))
    assert it.remaining.tokens == 100


def test_many_threads_never_hold_more_than_the_limit() -> None:
    session = Ledger(Budget(tokens=1000), Clock())
    tasks = [Ledger(Budget(tokens=400), Clock(), session) for _ in range(4)]
    refused, together = [], threading.Barrier(8)

    def work(task: Ledger) -> None:
        together.wait()
        for size in range(1, 40):
            try:
                with task.reserve(Usage(tokens_out=size)) as held:
                    left = session.remaining.tokens
                    assert left is not None and left >= 0
                    held.settle(Usage(tokens_out=size // 2))
            except BudgetSpent:
                refused.append(size)

    threads = [threading.Thread(target=work, args=(tasks[number % 4],)) for number in range(8)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # as many interleavings as the interpreter can make
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert session.spent.tokens == sum(task.spent.tokens for task in tasks) <= 1000
    assert all(task.spent.tokens <= 400 for task in tasks)
    assert refused, "the limits were reached"
