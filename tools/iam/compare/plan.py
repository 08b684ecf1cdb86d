"""Cuts a question about policies into small ones: for some actions, literals that must hold and clauses to meet.

A request is new access when one Allow of NEW applies, no Deny of NEW does, and of each OLD either a Deny applies or no
Allow does. So for every Allow of NEW, and every way in which the OLDs refuse: its literals hold, and each statement
that must not apply gives a clause, the disjunction of its negated literals. What the fixed literals already decide is
taken out at once: most statements fall away, and most actions with them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from opswright.tools.iam.compare.literals import Literal, canonical, conjunction, within
from opswright.tools.iam.compare.search import Clause
from opswright.tools.iam.compare.theory import Theory
from opswright.tools.iam.compare.universe import Mask, Universe
from opswright.tools.iam.document import Effect, Policy
from opswright.tools.iam.spec import Pattern

Guarded = tuple[Clause, Mask]  # a clause and the actions it concerns


@dataclass(frozen=True, slots=True)
class Rule:
    """A statement made ready: the actions it is about and the literals of the rest."""

    mask: Mask
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """A policy made ready; statements that can apply to no request are left out."""

    allows: tuple[Rule, ...]
    denies: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Find a request for one of the actions at which the literals hold and every clause that concerns it is met."""

    mask: Mask
    fixed: tuple[Literal, ...]
    clauses: tuple[Guarded, ...]


def ready(policy: Policy, universe: Universe, single: frozenset[str]) -> Rules:
    """The policy's statements as rules. `single`: the keys that have at most one value."""
    found: dict[Effect, list[Rule]] = {Effect.ALLOW: [], Effect.DENY: []}
    for statement in policy.statements:
        literals = conjunction(statement, policy.variables)
        mask = universe.statement(statement)
        if literals is not None and mask:
            made = dict.fromkeys(canonical(one, single) if one.keys else one for one in literals)
            found[statement.effect].append(Rule(mask, tuple(made)))
    return Rules(tuple(found[Effect.ALLOW]), tuple(found[Effect.DENY]))


EVERYTHING = Rule(-1, ())


class Plan:
    """Lists the parts of one question, those for the first Allow first."""

    def __init__(self, theory: Theory, universe: Universe, new: Rules | None, olds: Sequence[Rules]) -> None:
        self._theory = theory
        self._universe = universe
        self._allows = (EVERYTHING,) if new is None else new.allows
        self._denies = () if new is None else new.denies
        self._olds = olds

    def parts(self, region: Pattern | None) -> Iterator[Part]:
        """The parts within a pattern of requests, or everywhere."""
        base = () if region is None else within(region)
        mask = self._universe.all if region is None else self._universe.pattern(region)
        for allow in self._allows:
            own = mask & allow.mask
            fixed = tuple(dict.fromkeys((*base, *allow.literals)))
            if own and self.consistent(fixed):
                yield from self._refused(Part(own, fixed, ()), 0)

    def _refused(self, part: Part, number: int) -> Iterator[Part]:
        """The ways in which the policies from `number` on refuse."""
        if number == len(self._olds):
            whole = self._without(part, self._denies)
            if whole is not None:
                yield whole
            return
        old = self._olds[number]
        unmet = self._without(part, old.allows)
        if unmet is not None:
            yield from self._refused(unmet, number + 1)
        for deny in old.denies:
            denied = self._within(part, deny)
            if denied is not None:
                yield from self._refused(denied, number + 1)

    def _within(self, part: Part, deny: Rule) -> Part | None:
        """The part where a Deny applies."""
        mask = part.mask & deny.mask
        if not mask:
            return None
        fixed = tuple(dict.fromkeys((*part.fixed, *deny.literals)))
        given = set(fixed)
        for other in self._denies:  # a Deny that NEW has too settles it without looking further
            if mask & other.mask and given.issuperset(other.literals):
                mask &= ~other.mask
        return Part(mask, fixed, part.clauses) if mask and self.consistent(fixed) else None

    def _without(self, part: Part, rules: Iterable[Rule]) -> Part | None:
        """The part where none of the rules applies; None when nothing is left."""
        mask = part.mask
        clauses: dict[Clause, Mask] = {}
        for rule in rules:
            if not mask & rule.mask:
                continue
            clause = self._clause(part.fixed, rule)
            if clause is None:
                continue
            if not clause:
                mask &= ~rule.mask
                if not mask:
                    return None
            else:
                clauses[clause] = clauses.get(clause, 0) | rule.mask
        kept = [(clause, own) for clause, own in (*part.clauses, *clauses.items()) if own & mask]
        return Part(mask, part.fixed, tuple(kept))

    def _clause(self, fixed: tuple[Literal, ...], rule: Rule) -> Clause | None:
        """One of these has to hold for the rule not to apply; None when it cannot apply anyway."""
        open_literals: list[Literal] = []
        for one in rule.literals:
            if one in fixed:
                continue
            if one.complement in fixed or not self._joins(fixed, one):
                return None
            if self._joins(fixed, one.complement):
                open_literals.append(one.complement)
        return tuple(open_literals)

    def _joins(self, fixed: tuple[Literal, ...], one: Literal) -> bool:
        """Whether nothing is known against one more literal beside consistent ones."""
        group = next(group for group in self._theory.grouped((*fixed, one)) if one in group)
        return self._theory.check(group).outcome != "fails"

    def consistent(self, literals: tuple[Literal, ...]) -> bool:
        """Whether nothing is known against the literals together."""
        return all(self._theory.check(group).outcome != "fails" for group in self._theory.grouped(literals))
