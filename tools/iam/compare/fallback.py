"""cvc5 for what the own search gives up on: one question as constraints over strings, with a time limit.

Exact where it answers. What it has no constraint for (see `Uncovered`) stays undecided. Reference: cvc5's theory of
strings, logic QF_SLIA with `strings-exp`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from opswright.tools.iam.compare import measures, sets
from opswright.tools.iam.compare.cvc5_terms import Piece, Term, Terms, Uncovered
from opswright.tools.iam.compare.literals import KEY, Literal
from opswright.tools.iam.compare.search import Clause, Result
from opswright.tools.iam.variables import Variable

Slots = list[tuple[Term, Term]]  # a key's possible values: is it there, and which


def solve(
    fixed: Sequence[Literal], clauses: Sequence[Clause], single: frozenset[str], limit_ms: int, seed_reason: str
) -> Result:
    """As `Search.run`: a model, nothing (no model exists), or a reason (`seed_reason` when cvc5 cannot tell either)."""
    try:
        import cvc5  # type: ignore[import-untyped]
    except ImportError:
        return Result(reason=f"{seed_reason}; cvc5 is not installed")

    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    solver.setLogic("QF_SLIA")
    for option, value in (("strings-exp", "true"), ("produce-models", "true"), ("tlimit-per", str(limit_ms))):
        solver.setOption(option, value)
    literals = [*fixed, *(one for clause in clauses for one in clause)]
    encoder = _Encoder(Terms(manager, cvc5.Kind), literals, single)
    try:
        asserted = [encoder.literal(one) for one in fixed]
        asserted += [encoder.terms.any_of([encoder.literal(one) for one in clause]) for clause in clauses]
    except Uncovered as what:
        return Result(reason=f"{seed_reason}; cvc5 was not asked: {what}")
    for term in (*encoder.rules, *asserted):
        solver.assertFormula(term)
    answer = solver.checkSat()
    if answer.isUnsat():
        return Result(clauses=frozenset(clauses))
    if answer.isSat():
        return Result(encoder.model(solver))
    return Result(reason=f"{seed_reason}; cvc5 found no answer in {limit_ms} ms")


class _Encoder:
    """Literals as terms over one solver."""

    def __init__(self, terms: Terms, literals: Sequence[Literal], single: frozenset[str]) -> None:
        self.terms = terms
        self.rules: list[Term] = []
        self._single = single
        self._literals = literals
        self._slots: dict[str, Slots] = {}
        self._choices: dict[str, tuple[str, ...]] = {}  # what the values of keys compared by measure are numbers of

    def literal(self, one: Literal) -> Term:
        """Whether a literal holds."""
        slots = self._values(one.dimension)
        t = self.terms
        there = [present for present, _ in slots]
        if not one.dimension.startswith(KEY):
            return self._asks(one, slots[0][1], bool(one.wish.every))
        visible = there if one.sees_empty else [t.all_of([p, self._filled(one.dimension, v)]) for p, v in slots]
        absent = t.negation(t.any_of(visible))
        ways = [absent] if one.wish.absent else []
        if one.wish.present:
            ways.append(t.all_of([t.negation(absent), self._values_meet(one, slots)]))
        return t.any_of(ways)

    def _values_meet(self, one: Literal, slots: Slots) -> Term:
        t = self.terms
        if one.members is None:
            return t.true
        if one.wish.every is not None:
            wish = one.wish.every
            return t.all_of([t.any_of([t.negation(p), self._asks(one, v, wish)]) for p, v in slots])
        return t.any_of([t.all_of([p, self._asks(one, v, bool(one.wish.some))]) for p, v in slots])

    def _asks(self, one: Literal, value: Term, inside: bool) -> Term:
        found = self._contains(one, value)
        return found if inside else self.terms.negation(found)

    def _contains(self, one: Literal, value: Term) -> Term:
        members, t = one.members, self.terms
        assert members is not None
        if isinstance(members, sets.Measured):
            names = self._choices[one.dimension]
            return t.any_of(
                [t.equal(value, t.number(at)) for at, text in enumerate(names) if members.contains(text, {})]
            )
        if one.dimension in self._choices:
            raise Uncovered(f"{one.dimension} is compared as text and by measure")
        if not members.keys or isinstance(members, sets.Names):
            return t.any_of([t.matches(value, pattern) for pattern in members.union({}, True)])
        return t.any_of([self._open(members, list(parts), value) for parts in members.pieces])

    def _open(self, members: sets.Texts, parts: list[Any], value: Term) -> Term:
        """A pattern with variables: each way of giving the first variable its value."""
        t = self.terms
        at = next((at for at, part in enumerate(parts) if isinstance(part, Variable)), None)
        if at is None:
            if members.reading == "arn":
                raise Uncovered("a variable in an ARN pattern")
            pieces = [part if not isinstance(part, Piece) else part.term for part in parts]
            return t.with_terms(value, pieces, members.reading)
        variable = parts[at]
        slots = self._values(KEY + variable.key)
        if KEY + variable.key in self._choices:
            raise Uncovered(f"{variable.key} is a variable and compared by measure")
        ways = []
        for present, own in slots:
            others = [t.negation(other) for other, _ in slots if other is not present]
            filled = [*parts[:at], Piece(own), *parts[at + 1 :]]
            ways.append(t.all_of([present, *others, self._open(members, filled, value)]))
        if variable.default is not None:
            filled = [*parts[:at], Piece(t.text(variable.default)), *parts[at + 1 :]]
            absent = [t.negation(present) for present, _ in slots]
            ways.append(t.all_of([*absent, self._open(members, filled, value)]))
        return t.any_of(ways)

    def _filled(self, dimension: str, value: Term) -> Term:
        if dimension in self._choices:
            return self.terms.true
        return self.terms.negation(self.terms.equal(value, self.terms.text("")))

    def _values(self, dimension: str) -> Slots:
        known = self._slots.get(dimension)
        if known is None:
            known = self._slots[dimension] = self._new_values(dimension)
        return known

    def _new_values(self, dimension: str) -> Slots:
        t = self.terms
        if not dimension.startswith(KEY):
            value = t.string(dimension)
            self.rules.append(t.negation(t.equal(value, t.text(""))))
            return [(t.true, value)]
        own = [one for one in self._literals if one.dimension == dimension]
        measured = [one.members for one in own if isinstance(one.members, sets.Measured)]
        if measured:
            if len({members.family for members in measured}) > 1:
                raise Uncovered(f"{dimension} is compared by several measures")
            limits = tuple(sorted({text for members in measured for text in members.texts}))
            self._choices[dimension] = measures.candidates(measured[0].family, limits)
        # Every literal that asks for some value needs one of its own; one more keeps the key from being empty.
        count = 1 if dimension.removeprefix(KEY) in self._single else len(own) + 1
        return [self._new_value(f"{dimension} {at}", dimension) for at in range(count)]

    def _new_value(self, name: str, dimension: str) -> tuple[Term, Term]:
        t = self.terms
        if dimension not in self._choices:
            return t.boolean(f"{name} there"), t.string(name)
        value = t.integer(name)
        self.rules.append(t.between(value, 0, len(self._choices[dimension]) - 1))
        return t.boolean(f"{name} there"), value

    def model(self, solver: Any) -> Mapping[str, tuple[str, ...]]:
        """The solver's values by dimension."""
        found: dict[str, tuple[str, ...]] = {}
        for dimension, slots in self._slots.items():
            values: dict[str, None] = {}
            for present, value in slots:
                if solver.getValue(present).getBooleanValue():
                    got = solver.getValue(value)
                    names = self._choices.get(dimension)
                    values[names[int(got.getIntegerValue())] if names else got.getStringValue()] = None
            found[dimension] = tuple(values)
        return found
