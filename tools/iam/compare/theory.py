"""Can literals about the same or coupled dimensions all hold? With values when they can.

The dimensions of a request are independent but where a variable carries one key's value into another's patterns; such
coupled groups are left to `tied`.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from opswright.tools.iam.compare import marked, measures, patterns, strings, tied
from opswright.tools.iam.compare.answers import FAILS, Answer, Meter
from opswright.tools.iam.compare.literals import KEY, Literal
from opswright.tools.iam.compare.patterns import Pattern
from opswright.tools.iam.compare.sets import Measured, Some, Union, Values

_NOT_EMPTY = (patterns.glob("?*"),)
Literals = frozenset[Literal]
Asked = list[tuple[Literal, bool]]  # literals with what they ask of one value: in their set, or outside it


class Theory:
    """Decides sets of literals, each set once. `single`: the keys that have at most one value."""

    def __init__(self, single: frozenset[str], meter: Meter) -> None:
        self.single = single
        self._meter = meter
        self._known: dict[Literals, Answer] = {}

    def grouped(self, literals: Sequence[Literal]) -> Iterable[Literals]:
        """The literals by coupled group of dimensions."""
        groups: dict[str, list[Literal]] = {}
        if not any(one.keys for one in literals):
            for one in literals:
                groups.setdefault(one.dimension, []).append(one)
            return map(frozenset, groups.values())
        leaders = coupled(literals)
        for one in literals:
            groups.setdefault(leaders[one.dimension], []).append(one)
        return map(frozenset, groups.values())

    def check(self, literals: Literals) -> Answer:
        """Whether literals of one coupled group of dimensions can hold together."""
        known = self._known.get(literals)
        if known is None:
            known = self._known[literals] = self._decide(literals)
        return known

    def _decide(self, literals: Literals) -> Answer:
        if any(one.complement in literals for one in literals):
            return FAILS
        ordered = sorted(literals, key=lambda one: one.order)
        if any(one.keys for one in ordered):
            return tied.decide(self, ordered)
        return self.dimensions(ordered, {})

    def dimensions(
        self, literals: Iterable[Literal], chosen: Values, contents: marked.Contents | None = None
    ) -> Answer:
        """Literals in order, every dimension by itself. `contents`: what values not chosen yet look like."""
        model: dict[str, tuple[str, ...]] = {}
        hints: list[tuple[str, str]] = []
        reason = ""
        for dimension, own in groupby(literals, key=lambda one: one.dimension):
            answer = self.dimension(dimension, list(own), chosen, contents)
            if answer.outcome == "fails":
                return FAILS
            model.update(answer.model)
            hints.extend(answer.hints)
            reason = reason or answer.reason
        return Answer("unknown" if reason else "holds", model, reason, tuple(hints))

    def dimension(
        self, dimension: str, literals: list[Literal], chosen: Values, contents: marked.Contents | None = None
    ) -> Answer:
        """Literals of one dimension."""
        if dimension.startswith(KEY) and all(one.wish.absent for one in literals):
            return Answer("holds", {dimension: ()})
        answer = FAILS
        if all(one.wish.present for one in literals):
            answer = self._present(dimension, literals, chosen, contents or {})
        if answer.outcome == "fails" and dimension.startswith(KEY) and self.may_be_empty(literals, chosen):
            return Answer("holds", {dimension: ("",)})
        return answer

    def may_be_empty(self, literals: Iterable[Literal], chosen: Values) -> bool:
        """Whether a key may hold nothing but an empty string. Errs on the side of yes where values are open."""
        return all(self._meets_empty(one, chosen) for one in literals)

    def _meets_empty(self, one: Literal, chosen: Values) -> bool:
        if not one.sees_empty or not any(isinstance(chosen.get(key), Some) for key in one.keys):
            return one.holds(("",), chosen)
        positives, negatives = _patterns([(one, bool(one.wish.every or one.wish.some))], chosen)
        return marked.empty_fits(positives, negatives)

    def _present(self, dimension: str, literals: list[Literal], chosen: Values, contents: marked.Contents) -> Answer:
        """Values of which one at least is not empty."""
        every = [(one, one.wish.every) for one in literals if one.wish.every is not None]
        some = [(one, one.wish.some) for one in literals if one.wish.some is not None]
        if not some or dimension.removeprefix(KEY) in self.single:
            return self._value(dimension, [*every, *some], chosen, contents)
        found: dict[str, None] = {}
        hints: list[tuple[str, str]] = []
        for one in some:
            answer = self._value(dimension, [*every, one], chosen, contents)
            if answer.outcome == "fails" and self._empty_member([*every, one], chosen):
                answer = Answer("holds", {dimension: ("",)})
            if answer.outcome != "holds":
                return answer
            found.update(dict.fromkeys(answer.model[dimension]))
            hints.extend(answer.hints)
        if found and not any(found):
            answer = self._value(dimension, every, chosen, contents)
            found.update(dict.fromkeys(answer.model.get(dimension, ())))
            if answer.outcome != "holds":
                return answer
        return Answer("holds", {dimension: tuple(found)}, hints=tuple(hints))

    def _empty_member(self, asked: Asked, chosen: Values) -> bool:
        """Whether an empty string can stand among other values. Errs on the side of yes where values are open."""
        if any(isinstance(one.members, Measured) and sign for one, sign in asked):
            return False
        return marked.empty_fits(*_patterns(asked, chosen))

    def _value(self, dimension: str, asked: Asked, chosen: Values, contents: marked.Contents) -> Answer:
        """One value that is in, or outside, the set of every literal."""
        measured = [(one.members, sign) for one, sign in asked if isinstance(one.members, Measured)]
        positives, negatives = _patterns(asked, chosen)
        if any(one.unknowns for union in positives for one in union):
            return self._marked_text(dimension, positives, negatives, contents)
        negatives = tuple(one for one in negatives if not one.unknowns)
        found = self._text(dimension, positives, negatives)
        if not measured or found.outcome != "holds":
            return found
        return _measured(dimension, measured, positives, negatives)

    def _text(self, dimension: str, positives: tuple[Union, ...], negatives: Union) -> Answer:
        found = self._find(positives, negatives, False)
        if found.text is not None:
            return Answer("holds", {dimension: (found.text,)})
        return FAILS if found.complete else self._too_long(dimension)

    def _marked_text(
        self, dimension: str, positives: tuple[Union, ...], negatives: Union, contents: marked.Contents
    ) -> Answer:
        """Whether some text can fit for any value of the unknowns; each required union takes its turn at being the
        one whose unknowns are followed exactly."""
        hints: list[tuple[str, str]] = []
        for at, union in enumerate(positives):
            if not any(one.unknowns for one in union):
                continue
            others = (*positives[:at], *positives[at + 1 :])
            spine = (marked.spine(union, contents), *map(marked.relaxed, others), _NOT_EMPTY)
            found = self._find(spine, negatives, True)
            if found.text is None and found.complete:
                return FAILS
            hints.extend(found.hints)
        return Answer("holds", {dimension: ()}, hints=tuple(dict.fromkeys(hints)))

    def _find(self, positives: tuple[Union, ...], negatives: Union, with_marks: bool) -> strings.Found:
        found = strings.find(positives, negatives, self._meter.allowance, with_marks)
        self._meter.count(found.steps + 1)
        return found

    def _too_long(self, dimension: str) -> Answer:
        return Answer("unknown", reason=f"the patterns of {dimension.removeprefix(KEY)} need too long a search")


def _patterns(asked: Asked, chosen: Values) -> tuple[tuple[Union, ...], Union]:
    positives: dict[Union, None] = {}
    negatives: dict[Pattern, None] = {}
    for one, sign in asked:
        if one.members is None or isinstance(one.members, Measured):
            continue
        union = one.members.union(chosen, sign)
        if sign:
            positives[union] = None
        else:
            negatives.update(dict.fromkeys(union))
    return tuple(positives), tuple(negatives)


def _measured(
    dimension: str, asked: list[tuple[Measured, bool]], positives: tuple[Union, ...], negatives: Union
) -> Answer:
    """A value for comparisons by measure, and patterns beside them."""
    families = sorted({members.family for members, _ in asked})
    tried: list[str] = []
    for family in families:
        own = [(members, sign) for members, sign in asked if members.family == family]
        limits = tuple(sorted({text for members, _ in own for text in members.texts}))
        fitting = [text for text in measures.candidates(family, limits) if _compares(text, own)]
        if not fitting:
            return FAILS
        tried.extend(fitting)
    literal = next((union for union in positives if all(one.literal is not None for one in union)), None)
    if literal is not None:
        tried = [one.literal for one in literal if one.literal is not None]
    for text in tried:
        if _compares(text, asked) and strings.fits(text, positives, negatives):
            return Answer("holds", {dimension: (text,)})
    if literal is not None or (len(families) == 1 and not positives and not negatives):
        return FAILS
    return Answer("unknown", reason=f"{dimension.removeprefix(KEY)} is compared as text and by measure at once")


def _compares(text: str, asked: list[tuple[Measured, bool]]) -> bool:
    return all(members.contains(text, {}) == sign for members, sign in asked)


def coupled(literals: Iterable[Literal]) -> dict[str, str]:
    """For every dimension, one that stands for all coupled with it: a variable joins its key's dimension to the one
    it stands in."""
    leaders: dict[str, str] = {}

    def leader(name: str) -> str:
        while leaders.setdefault(name, name) != name:
            name = leaders[name]
        return name

    for one in literals:
        for key in sorted(one.keys):
            leaders[leader(KEY + key)] = leader(one.dimension)
        leader(one.dimension)
    return {name: leader(name) for name in list(leaders)}
