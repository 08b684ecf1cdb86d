"""What the theory answers, and the meter that bounds its work."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal as OneOf

Model = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Answer:
    """`model`: values by dimension (none: the key is absent) when the literals can hold. `reason` with `unknown`.

    Where variables' values are not chosen yet, `holds` means only that nothing speaks against it, and `hints` are
    values for them to try.
    """

    outcome: OneOf["holds", "fails", "unknown"]
    model: Model = field(default_factory=dict)
    reason: str = ""
    hints: tuple[tuple[str, str], ...] = ()


FAILS = Answer("fails")
STEPS_PER_SECOND = 100_000  # of a slow machine


class OutOfBudget(Exception):
    """The work done reached its limit."""


@dataclass(slots=True)
class Meter:
    """Counts work in steps; a single search gets at most `search_limit` of what is left. `deadline` is a moment of
    time.perf_counter."""

    limit: int
    search_limit: int
    deadline: float = math.inf
    steps: int = 0

    @property
    def allowance(self) -> int:
        """Steps for one search; near the deadline fewer, by powers of two so that equal searches stay equal."""
        left = min((self.deadline - time.perf_counter()) * STEPS_PER_SECOND, 2.0**40)
        in_time = 1 << max(int(left), 1).bit_length() - 1
        return max(min(self.search_limit, self.limit - self.steps, in_time), 0)

    def count(self, steps: int = 1) -> None:
        """Adds to the work done. Raises OutOfBudget past a limit."""
        self.steps += steps
        if self.steps > self.limit:
            raise OutOfBudget(f"the limit of {self.limit} steps is reached")
        if time.perf_counter() > self.deadline:
            raise OutOfBudget("the time limit is reached")
