"""Statements as conjunctions of literals: an element of the request and what is asked of it, or its negation.

Negated operators and elements are the negations of positive ones, so equal questions meet as the same element.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal as OneOf
from typing import NamedTuple

from opswright.tools.iam import values, variables
from opswright.tools.iam.compare import sets
from opswright.tools.iam.compare.sets import Family, StringSet
from opswright.tools.iam.document import ConditionTest, Statement
from opswright.tools.iam.operators import OPERATORS
from opswright.tools.iam.spec import Pattern

RESOURCE = "resource"
PRINCIPAL = "principal"
KEY = "key "  # and the key: the dimension of a context key

Mode = OneOf["one", "all", "has", "absent"]


class Wish(NamedTuple):
    """What a literal asks of its dimension: may it be absent, may it be present, and of the values, is every one
    (`every`) or at least one (`some`) to be in the set (True) or outside it (False)."""

    absent: bool
    present: bool
    every: bool | None = None
    some: bool | None = None


@dataclass(slots=True, eq=False)
class Element:
    """A question about one dimension. Mode `one`: is the value in the set; `all`: is every value `inner` the set (in
    it, or outside it); `has`: is some value in the set; `absent`: is there no value. `if_absent` answers `one` and
    `all` for a key without values. To `all` and `absent` a key that holds but empty strings has no values."""

    dimension: str
    mode: Mode
    members: StringSet | None
    inner: bool
    if_absent: bool
    order: str

    def wish(self, sign: bool) -> Wish:
        """What has to hold for the answer to be `sign`."""
        if self.mode == "absent":
            return Wish(sign, not sign)
        if self.mode == "one":
            return Wish(self.if_absent == sign, True, every=sign)
        if self.mode == "has":
            return Wish(False, True, some=True) if sign else Wish(True, True, every=False)
        if sign:
            return Wish(self.if_absent, True, every=self.inner)
        return Wish(not self.if_absent, True, some=not self.inner)


class Literal:
    """An element and the answer wanted; compared by identity."""

    __slots__ = ("complement", "dimension", "element", "keys", "members", "order", "sees_empty", "sign", "wish")
    complement: "Literal"

    def __init__(self, element: Element, sign: bool) -> None:
        self.element = element
        self.sign = sign
        self.dimension = element.dimension
        self.members = element.members
        self.keys = element.members.keys if element.members is not None else frozenset()
        self.wish = element.wish(sign)
        self.sees_empty = element.mode in ("one", "has")
        self.order = f"{element.dimension} {sign:d} {element.order}"

    def __repr__(self) -> str:
        return f"{'' if self.sign else 'not '}{self.element.dimension}:{self.element.order}"

    def holds(self, given: tuple[str, ...], chosen: sets.Values) -> bool:
        """Whether values of the dimension (none: absent) meet the literal, other keys' values being chosen."""
        if not given or not (any(given) or self.sees_empty):
            return self.wish.absent
        members = self.members
        if members is None:
            return self.wish.present
        if self.wish.every is not None:
            return all(members.contains(one, chosen) == self.wish.every for one in given)
        return any(members.contains(one, chosen) == self.wish.some for one in given)


@lru_cache(maxsize=65536)
def _pair(
    dimension: str, mode: Mode, members: StringSet | None, inner: bool, if_absent: bool
) -> tuple[Literal, Literal]:
    order = f"{mode} {inner:d}{if_absent:d} {members.order if members is not None else ''}"
    element = Element(dimension, mode, members, inner, if_absent, order)
    holds, fails = Literal(element, True), Literal(element, False)
    holds.complement, fails.complement = fails, holds
    return holds, fails


def literal(
    dimension: str,
    mode: Mode,
    members: StringSet | None,
    sign: bool = True,
    inner: bool = True,
    if_absent: bool = False,
) -> Literal:
    """The interned literal."""
    return _pair(dimension, mode, members, inner, if_absent)[not sign]


Conjunction = tuple[Literal, ...] | None  # None: nothing can meet it


@lru_cache(maxsize=16384)
def conjunction(statement: Statement, with_variables: bool) -> Conjunction:
    """The literals of everything but the statement's action; None when it can apply to no request."""
    found: dict[Literal, None] = {}
    for one in _elements(statement, with_variables):
        if one is False:
            return None
        if one is not True:
            found[one] = None
    return tuple(found)


def _elements(statement: Statement, with_variables: bool) -> Iterable[Literal | bool]:
    if statement.resources is not None:
        members = sets.texts("glob", tuple(entry.text for entry in statement.resources), with_variables)
        yield _located(RESOURCE, members, not statement.not_resource)
    if statement.principals is not None:
        yield _located(PRINCIPAL, sets.names(statement.principals), not statement.not_principal)
    for test in statement.conditions:
        yield condition(test, with_variables)


def _located(dimension: str, members: sets.Texts | sets.Names, sign: bool) -> Literal | bool:
    if not members.keys and any(one.universal for one in members.union({}, True)):
        return sign
    return literal(dimension, "one", members, sign)


@lru_cache(maxsize=16384)
def condition(test: ConditionTest, with_variables: bool) -> Literal | bool:
    """One condition as a literal, or as a constant."""
    dimension = KEY + test.key.lower()
    operator = OPERATORS[test.operator]
    if operator.family == "null":
        wanted = {values.boolean(entry.text) for entry in test.values}
        return True if len(wanted) > 1 else literal(dimension, "absent", None, wanted == {True})
    members = _members(test, with_variables)
    meets = not operator.negated
    if test.quantifier == "ForAllValues":
        return literal(dimension, "all", members, inner=meets, if_absent=True)
    if test.quantifier == "ForAnyValue":
        return literal(dimension, "all", members, sign=False, inner=not meets, if_absent=not test.if_exists)
    return literal(dimension, "one", members, sign=meets, if_absent=test.if_exists and meets)


_FAMILIES: dict[str, Family] = {"numeric": "numeric", "date": "date", "ip": "ip", "binary": "binary"}


def _members(test: ConditionTest, with_variables: bool) -> StringSet:
    entries = tuple(entry.text for entry in test.values)
    operator = OPERATORS[test.operator]
    family = _FAMILIES.get(operator.family)
    if family is not None:
        return sets.measured(operator.positive, family, entries)
    if operator.family == "bool":
        return sets.texts("fold", tuple(text for text in entries if values.boolean(text) is not None), False)
    reading: sets.Reading = "arn" if operator.family == "arn" else _READINGS.get(operator.positive, "glob")
    if with_variables and test.quantifier is None:
        about_itself = [_about_itself(text, reading, test.key.lower()) for text in entries]
        if "always" in about_itself:
            return sets.texts("glob", ("*",), False)
        entries = tuple(text for text, kind in zip(entries, about_itself, strict=True) if kind != "never")
    return sets.texts(reading, entries, with_variables)


_READINGS: dict[str, sets.Reading] = {"StringEquals": "exact", "StringEqualsIgnoreCase": "fold"}


def _about_itself(text: str, reading: sets.Reading, key: str) -> OneOf["always", "never", "open"]:
    """Whether a value meets a pattern that holds the value itself: never where the rest takes any room."""
    parts = variables.pieces(text)
    own = sum(isinstance(part, variables.Variable) and part.key == key for part in parts)
    if not own:
        return "open"
    wild = reading in ("glob", "arn")
    others = [part for part in parts if not isinstance(part, variables.Variable)]
    if any((part.text.strip("*") if wild and isinstance(part, variables.Literal) else part.text) for part in others):
        return "never"
    return "always" if own == 1 and len(others) + 1 == len(parts) and reading != "arn" else "open"


def canonical(one: Literal, single: frozenset[str]) -> Literal:
    """`this key equals that one` is the same question as `that key equals this one` where each has one value."""
    members, key = one.members, one.dimension.removeprefix(KEY)
    plain = one.element.mode == "one" and not one.element.if_absent and one.dimension.startswith(KEY)
    if not plain or not isinstance(members, sets.Texts) or members.reading == "arn" or len(members.pieces) != 1:
        return one
    parts = members.pieces[0]
    if len(parts) != 1 or not isinstance(parts[0], variables.Variable) or parts[0].default is not None:
        return one
    other = parts[0].key
    reading: sets.Reading = "fold" if members.reading == "fold" else "exact"
    if key <= other or other not in single or key not in single:
        return literal(one.dimension, "one", sets.texts(reading, members.texts, True), one.sign)
    return literal(KEY + other, "one", sets.texts(reading, (f"${{{key}}}",), True), one.sign)


def within(pattern: Pattern) -> tuple[Literal, ...]:
    """The literals of a pattern of requests, but for its actions."""
    found: list[Literal | bool] = [_located(RESOURCE, sets.texts("glob", pattern.resources, False), True)]
    if pattern.principals is not None:
        members = sets.texts("glob", pattern.principals, False)
        found.append(literal(PRINCIPAL, "one", members))
    for key, wanted in sorted(pattern.context.items()):
        members = sets.texts("glob", wanted, False)
        found.append(literal(KEY + key, "has", members))
    return tuple(one for one in found if not isinstance(one, bool))


def has_value(key: str) -> Literal:
    """The key has some value that is not empty."""
    return literal(KEY + key, "has", sets.texts("glob", ("?*",), False))


def has_other(key: str, text: str) -> Literal:
    """The key has some value other than the text."""
    return literal(KEY + key, "all", sets.texts("exact", (text,), False), sign=False, if_absent=True)


def single_keys(statements: Iterable[tuple[Statement, bool]]) -> frozenset[str]:
    """The keys that have at most one value, because an operator without a set qualifier tests them."""
    return frozenset(
        one.dimension.removeprefix(KEY)
        for statement, with_variables in statements
        for one in conjunction(statement, with_variables) or ()
        if one.dimension.startswith(KEY) and one.element.mode == "one"
    )
