"""Decides exactly whether a policy allows anything that others do not.

Every answer is a proof, a concrete request that was judged by the evaluator under both policies, or undecided with the
reason. Answers do not depend on the clock but where its ceiling is reached: work is counted in steps.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal as OneOf

from opswright.tools.iam import actions
from opswright.tools.iam.compare import fallback as cvc5_fallback
from opswright.tools.iam.compare.answers import Meter, OutOfBudget
from opswright.tools.iam.compare.literals import Literal, single_keys
from opswright.tools.iam.compare.plan import Part, Plan, ready
from opswright.tools.iam.compare.search import Clause, Result, Search
from opswright.tools.iam.compare.theory import Theory
from opswright.tools.iam.compare.universe import Universe, split
from opswright.tools.iam.compare.witness import Draft, Witnesses
from opswright.tools.iam.document import Policy, Request
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.spec import Pattern

EngineName = OneOf["glob", "cvc5"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much work one comparison may cost. `steps` and `search_steps` (for one string search) make answers the same
    on every machine; `seconds` is a ceiling on the wall clock, `fallback_ms` what cvc5 gets for one question."""

    seconds: float = 30.0
    steps: int = 4_000_000
    search_steps: int = 1_000_000
    fallback_ms: int = 5_000


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Comparison:
    """`new_access`: the answer, None when undecided. `witness`: the request that shows it. `reason`: one line."""

    new_access: bool | None
    witness: Request | None
    reason: str
    seconds: float
    engine: EngineName = "glob"


def new_access(
    new: Policy,
    old: Policy,
    *,
    limits: Limits = DEFAULT_LIMITS,
    fallback: bool = True,
    within: Sequence[Pattern] | None = None,
) -> Comparison:
    """Whether `new` allows anything that `old` does not; with `within`, anything that matches one of the patterns."""
    return _Question(new, (old,), within, limits, fallback).answer()


def beyond(
    new: Policy, olds: Sequence[Policy], *, limits: Limits = DEFAULT_LIMITS, fallback: bool = True
) -> Comparison:
    """Whether `new` allows anything that none of `olds` does."""
    return _Question(new, tuple(olds), None, limits, fallback).answer()


def reaches(policy: Policy, pattern: Pattern, *, limits: Limits = DEFAULT_LIMITS, fallback: bool = True) -> Comparison:
    """Whether the policy allows anything that matches the pattern."""
    return _Question(policy, (), (pattern,), limits, fallback).answer()


def covers(policy: Policy, pattern: Pattern, *, limits: Limits = DEFAULT_LIMITS, fallback: bool = True) -> Comparison:
    """Whether the policy allows everything that matches the pattern; the witness is a request it does not allow."""
    found = _Question(None, (policy,), (pattern,), limits, fallback).answer()
    return replace(found, new_access=None if found.new_access is None else not found.new_access)


class _Question:
    """One question: what `new` (None: everything) allows, none of `olds` does, and `within` holds."""

    def __init__(
        self,
        new: Policy | None,
        olds: tuple[Policy, ...],
        within: Sequence[Pattern] | None,
        limits: Limits,
        fallback: bool,
    ) -> None:
        self._started = time.perf_counter()
        self._new = new
        self._olds = olds
        self._regions: Sequence[Pattern | None] = [None] if within is None else within
        self._limits = limits
        self._fallback = fallback
        database = actions.load()
        policies = olds if new is None else (new, *olds)
        self._universe = Universe(database, policies, within or ())
        statements = [(statement, policy.variables) for policy in policies for statement in policy.statements]
        self._single = single_keys(statements)
        named = any(s.principals is not None for s, _ in statements) or any(p.principals for p in within or ())
        self._witnesses = Witnesses(database, policies, named, self._judge)
        self._engine: EngineName = "glob"
        self._reasons: list[str] = []

    def _judge(self, request: Request) -> bool:
        """Whether the evaluator finds the request to be what is looked for."""
        if self._new is not None and not decide(self._new, request).allowed:
            return False
        if any(decide(old, request).allowed for old in self._olds):
            return False
        return any(region is None or region.matches(request) for region in self._regions)

    def answer(self) -> Comparison:
        """The comparison."""
        meter = Meter(self._limits.steps, self._limits.search_steps, self._started + self._limits.seconds)
        try:
            witness = self._find(meter)
        except OutOfBudget as stopped:
            witness = self._witnesses.second_best
            self._reasons.append(str(stopped))
        seconds = time.perf_counter() - self._started
        if witness is not None:
            return Comparison(True, witness, self._explain(witness), seconds, self._engine)
        if self._reasons:
            return Comparison(None, None, self._reasons[0], seconds, self._engine)
        return Comparison(False, None, self._proved(), seconds, self._engine)

    def _find(self, meter: Meter) -> Request | None:
        theory = Theory(self._single, meter)
        new = None if self._new is None else ready(self._new, self._universe, self._single)
        olds = [ready(old, self._universe, self._single) for old in self._olds]
        plan = Plan(theory, self._universe, new, olds)
        for region in self._regions:
            for part in plan.parts(region):
                witness = self._find_in(part, theory, meter)
                if witness is not None:
                    return witness
        return self._witnesses.second_best

    def _find_in(self, part: Part, theory: Theory, meter: Meter) -> Request | None:
        """Class of actions by class: those that the same clauses concern."""
        failed: list[frozenset[object]] = []
        for mask, labels in split(part.mask, part.clauses):
            if any(known <= labels for known in failed):
                continue
            clauses = tuple(clause for clause, _ in part.clauses if clause in labels)
            result = Search(theory, meter, part.fixed, clauses).run()
            asked = bool(result.reason)
            if asked:
                result = self._fall_back(part, clauses, result)
            if result.reason:
                self._reasons.append(result.reason)
            elif result.model is None:
                failed.append(frozenset(result.clauses))
            else:
                witness = self._witness(Draft(mask, result.model), part, clauses, theory, meter)
                if witness is not None:
                    self._engine = "cvc5" if asked else "glob"
                    return witness
        return None

    def _witness(
        self, draft: Draft, part: Part, clauses: tuple[Clause, ...], theory: Theory, meter: Meter
    ) -> Request | None:
        """The best witness for a class of actions: on a resource that one of its actions can take, if there is one."""

        def solve(more: Literal) -> Draft | None:
            result = Search(theory, meter, (*part.fixed, more), clauses).run()
            return None if result.model is None else Draft(draft.mask, result.model)

        if not self._witnesses.offer(draft, self._universe, part.fixed):
            self._reasons.append("an internal error: the evaluator does not confirm a request that was found")
            return None
        return self._witnesses.realistic(draft, self._universe, part.fixed, solve)

    def _fall_back(self, part: Part, clauses: tuple[Clause, ...], result: Result) -> Result:
        """Asks cvc5 where it is allowed."""
        if not self._fallback:
            return result
        left_ms = int((self._started + self._limits.seconds - time.perf_counter()) * 1000)
        found = cvc5_fallback.solve(
            part.fixed, clauses, self._single, max(min(left_ms, self._limits.fallback_ms), 1), result.reason
        )
        if not found.reason:
            self._engine = "cvc5"
        return found

    def _explain(self, request: Request) -> str:
        said = []
        if self._new is not None:
            allowing = decide(self._new, request).statements
            said.append(f"allowed by statement {_numbers(allowing)}{' of NEW' if self._olds else ''}")
        for number, old in enumerate(self._olds, 1):
            refused = decide(old, request)
            by = f"denied by statement {_numbers(refused.statements)}" if refused.statements else "not allowed"
            where = "" if self._new is None else " of OLD" if refused.statements else " in OLD"
            said.append(f"{by}{where}{f' {number}' if where and len(self._olds) > 1 else ''}")
        if not actions.load().knows(request.action):
            said.append("AWS lists no such action")
        return "; ".join(said)

    def _proved(self) -> str:
        said = "no such request exists"
        if self._universe.unknown:
            said += f" (actions AWS does not list, taken as they stand: {', '.join(self._universe.unknown[:3])})"
        return said


def _numbers(indices: tuple[int, ...]) -> str:
    return ", ".join(str(index + 1) for index in indices)
