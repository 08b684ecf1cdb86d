"""When a condition holds: one reading of AWS's operators for the evaluator and the symbolic engine.

IAM User Guide, "Condition operators" and "Conditions with multiple context keys or values". docs/policy-semantics.md
says which sentence each rule comes from.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from opswright.errors import InputError
from opswright.tools.iam import arns, globs, values, variables
from opswright.tools.iam.document import ConditionTest, Request
from opswright.tools.iam.operators import OPERATORS
from opswright.tools.iam.words import plain

Context = variables.Context
PatternTest = Callable[[str, str], bool]
ValueTest = Callable[[str, Context], bool]
ContextTest = Callable[[Context], bool]


def condition_holds(test: ConditionTest, request: Request, variables: bool) -> bool:
    """Whether one test of a condition block holds. `variables`: the policy's Version makes `${...}` a variable.

    Raises InputError when an operator without ForAnyValue or ForAllValues meets several values of its key.
    """
    return lower_test(test, variables)(request.context)


def is_null(given: tuple[str, ...]) -> bool:
    """Whether Null and the set operators see nothing: the key is absent, or all it holds is empty strings.

    Operators without a set qualifier see an empty string as the value it is.
    """
    return not any(given)


def value_matches(operator: str, pattern: str, value: str) -> bool:
    """Whether one request value meets one policy value under the operator's positive form, variables not counted.

    `operator` is AWS's spelling; negated operators answer as the operator they negate.
    """
    return _POSITIVE[OPERATORS[operator].positive](pattern, value)


def _string_equals(pattern: str, value: str) -> bool:
    return pattern == value


def _string_equals_ignore_case(pattern: str, value: str) -> bool:
    return pattern.lower() == value.lower()


def _bool(pattern: str, value: str) -> bool:
    wanted = values.boolean(pattern)
    return wanted is not None and wanted == values.boolean(value)


def _binary_equals(pattern: str, value: str) -> bool:
    wanted = values.binary(pattern)
    return wanted is not None and wanted == values.binary(value)


def _ip_address(pattern: str, value: str) -> bool:
    network, address = values.network(pattern), values.address(value)
    return network is not None and address is not None and address in network


def _ordered(read: Callable[[str], Decimal | None], holds: Callable[[Decimal, Decimal], bool]) -> PatternTest:
    """A test that reads both sides; what cannot be read meets nothing."""

    def test(pattern: str, value: str) -> bool:
        limit, given = read(pattern), read(value)
        return limit is not None and given is not None and holds(given, limit)

    return test


_COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "Equals": lambda given, limit: given == limit,
    "LessThan": lambda given, limit: given < limit,
    "LessThanEquals": lambda given, limit: given <= limit,
    "GreaterThan": lambda given, limit: given > limit,
    "GreaterThanEquals": lambda given, limit: given >= limit,
}

_POSITIVE: dict[str, PatternTest] = {
    "StringEquals": _string_equals,
    "StringEqualsIgnoreCase": _string_equals_ignore_case,
    "StringLike": globs.matches,
    "Bool": _bool,
    "BinaryEquals": _binary_equals,
    "IpAddress": _ip_address,
    "ArnEquals": arns.like,
    "ArnLike": arns.like,
    **{f"Numeric{name}": _ordered(values.number, holds) for name, holds in _COMPARISONS.items()},
    **{f"Date{name}": _ordered(values.date, holds) for name, holds in _COMPARISONS.items()},
}


@lru_cache(maxsize=16384)
def lower_test(test: ConditionTest, variables: bool) -> ContextTest:
    """The test as a function of the context, prepared once."""
    key = test.key.lower()
    operator = OPERATORS[test.operator]
    if operator.family == "null":
        wanted = tuple(values.boolean(entry.text) for entry in test.values)
        return lambda context: is_null(context.get(key, ())) in wanted
    positive = _any_value(operator.positive, tuple(entry.text for entry in test.values), variables)
    negated = operator.negated

    def holds(value: str, context: Context) -> bool:
        return positive(value, context) != negated

    return _quantified(test, key, holds, absent=test.if_exists or negated)


def _quantified(test: ConditionTest, key: str, holds: ValueTest, absent: bool) -> ContextTest:
    if test.quantifier == "ForAllValues":

        def all_values(context: Context) -> bool:
            given = context.get(key, ())
            return is_null(given) or all(holds(value, context) for value in given)

        return all_values
    if test.quantifier == "ForAnyValue":
        if_exists = test.if_exists

        def any_value(context: Context) -> bool:
            given = context.get(key, ())
            return if_exists if is_null(given) else any(holds(value, context) for value in given)

        return any_value

    def single(context: Context) -> bool:
        given = context.get(key)
        if not given:
            return absent
        if len(given) > 1:
            raise InputError(f"{test.operator} on {plain(test.key)} takes one value, the request has {len(given)}")
        return holds(given[0], context)

    return single


def _any_value(operator: str, patterns: tuple[str, ...], with_variables: bool) -> ValueTest:
    """Whether a value meets any of the patterns under a positive operator."""
    if with_variables and OPERATORS[operator].family in ("string", "arn"):
        open_patterns = tuple(text for text in patterns if variables.has_variables(text))
        if open_patterns:
            return _any_open(operator, tuple(text for text in patterns if text not in open_patterns), open_patterns)
    if operator == "StringEquals":
        wanted = frozenset(patterns)
        return lambda value, context: value in wanted
    test = _POSITIVE[operator]
    return lambda value, context: any(test(pattern, value) for pattern in patterns)


def _any_open(operator: str, closed: tuple[str, ...], open_patterns: tuple[str, ...]) -> ValueTest:
    fixed = _any_value(operator, closed, False)

    def test(value: str, context: Context) -> bool:
        if fixed(value, context):
            return True
        return any(_open_matches(operator, text, value, context) for text in open_patterns)

    return test


def _open_matches(operator: str, text: str, value: str, context: Context) -> bool:
    """One pattern with variables; a variable without a value meets nothing."""
    parts = variables.substitute(text, context)
    if parts is None:
        return False
    if operator == "StringLike":
        return variables.glob(parts)(value)
    if operator in ("ArnEquals", "ArnLike"):
        return arns.parts_like(parts, value)
    return _POSITIVE[operator](variables.plain(parts), value)
