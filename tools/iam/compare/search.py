"""Can some literals hold together with one literal of every clause? Lazy branching over what the theory allows.

A model of the literals taken so far often meets most clauses already; only clauses it misses are branched on, the one
with the fewest ways left first. Every dead end names the literals it rests on, so that choices which had no part in it
are not tried again (conflict-directed backjumping).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opswright.tools.iam.compare.answers import Meter
from opswright.tools.iam.compare.literals import KEY, Literal
from opswright.tools.iam.compare.sets import SEVERAL, Value
from opswright.tools.iam.compare.theory import Literals, Theory, coupled

Clause = tuple[Literal, ...]
State = Mapping[str, Literals]  # literals taken, by coupled group of dimensions
NONE: Literals = frozenset()


@dataclass(frozen=True, slots=True)
class Result:
    """`model` when there is one; otherwise the clauses and literals that no choice satisfies, or why it is unknown."""

    model: Mapping[str, tuple[str, ...]] | None = None
    blame: Literals = NONE
    clauses: frozenset[Clause] = frozenset()
    reason: str = ""


class Search:
    """One question: literals that must hold and clauses of which one literal each must."""

    def __init__(self, theory: Theory, meter: Meter, fixed: Sequence[Literal], clauses: Sequence[Clause]) -> None:
        self._theory = theory
        self._meter = meter
        self._fixed = [*fixed, *(clause[0] for clause in clauses if len(clause) == 1)]
        self._clauses = [clause for clause in clauses if len(clause) > 1]
        self._units = frozenset(clause for clause in clauses if len(clause) == 1)
        self._groups = coupled([*fixed, *(one for clause in clauses for one in clause)])

    def run(self) -> Result:
        """A model, or what stands against it. Raises OutOfBudget."""
        state: dict[str, Literals] = {}
        for one in self._fixed:
            group = self._group(one)
            state[group] = state.get(group, NONE) | {one}
        for literals in state.values():
            if self._theory.check(literals).outcome == "fails":
                return Result(clauses=frozenset(unit for unit in self._units if unit[0] in literals))
        result = self._extend(state)
        return replace(result, clauses=result.clauses | self._units)

    def _group(self, one: Literal) -> str:
        return self._groups[one.dimension]

    def _extend(self, state: State) -> Result:
        """The state's literals are consistent group by group, or not known to be inconsistent."""
        self._meter.count()
        answers = [self._theory.check(literals) for literals in state.values()]
        model = {name: given for answer in answers for name, given in answer.model.items()}
        reason = next((answer.reason for answer in answers if answer.reason), "")
        missed = [clause for clause in self._clauses if not self._met(clause, state, model, bool(reason))]
        if not missed:
            return Result(reason=reason) if reason else Result(model)
        best: tuple[Clause, list[Literal], Literals] | None = None
        for clause in missed:
            ways, blame = self._ways(clause, state)
            if best is None or len(ways) < len(best[1]):
                best = clause, ways, blame
            if not ways:
                break
        assert best is not None
        return self._branch(state, *best)

    def _met(self, clause: Clause, state: State, model: Mapping[str, tuple[str, ...]], unsure: bool) -> bool:
        if any(one in state.get(self._group(one), NONE) for one in clause):
            return True
        if unsure:
            return False
        chosen = {name.removeprefix(KEY): _one_of(given) for name, given in model.items()}
        return any(one.holds(model.get(one.dimension, ()), chosen) for one in clause if _settled(one, model))

    def _branch(self, state: State, clause: Clause, ways: list[Literal], blame: Literals) -> Result:
        clauses = frozenset([clause])
        reason = ""
        for one in ways:
            group = self._group(one)
            result = self._extend({**state, group: state.get(group, NONE) | {one}})
            if result.model is not None:
                return result
            if result.reason:
                reason = reason or result.reason
                continue
            if one not in result.blame:
                return result
            blame |= result.blame - {one}
            clauses |= result.clauses
        return Result(blame=blame, clauses=clauses, reason=reason)

    def _ways(self, clause: Clause, state: State) -> tuple[list[Literal], Literals]:
        """The clause's literals that can still hold, and the literals that rule out the others."""
        ways: list[Literal] = []
        blame: Literals = NONE
        for one in clause:
            taken = state.get(self._group(one), NONE)
            if one.complement in taken:
                blame |= {one.complement}
            elif self._theory.check(taken | {one}).outcome == "fails":
                blame |= self._core(taken | {one}) - {one}
            else:
                ways.append(one)
        return ways, blame

    def _core(self, literals: Literals) -> Literals:
        """A smallest part of inconsistent literals that is inconsistent."""
        core = literals
        if len(core) <= 2:
            return core
        for one in sorted(literals, key=lambda one: one.order):
            fewer = core - {one}
            if self._theory.check(fewer).outcome == "fails":
                core = fewer
        return core


def _one_of(given: tuple[str, ...]) -> Value:
    """What a variable that stands for a key with these values becomes."""
    return SEVERAL if len(given) > 1 else given[0] if given else None


def _settled(one: Literal, model: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the model says all that the literal asks about: keys it does not mention are absent."""
    return one.dimension.startswith(KEY) or one.dimension in model
