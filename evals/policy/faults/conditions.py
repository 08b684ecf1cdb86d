"""Faults in Condition."""

import re
from collections.abc import Callable
from random import Random

from opswright.evals.policy.faults.statement import Actions, Kind, entries
from opswright.evals.policy.faults.values import wrong_value
from opswright.nouns import Json

_OPPOSITES = (
    ("StringEquals", "StringNotEquals"),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    ("StringLike", "StringNotLike"),
    ("ArnEquals", "ArnNotEquals"),
    ("ArnLike", "ArnNotLike"),
    ("IpAddress", "NotIpAddress"),
    ("NumericEquals", "NumericNotEquals"),
    ("DateEquals", "DateNotEquals"),
    ("NumericLessThan", "NumericGreaterThan"),
    ("NumericLessThanEquals", "NumericGreaterThanEquals"),
    ("DateLessThan", "DateGreaterThan"),
    ("DateLessThanEquals", "DateGreaterThanEquals"),
)
_CONFUSED_OPERATORS = (
    ("StringLike", "StringEquals"),
    ("StringNotLike", "StringNotEquals"),
    ("ArnLike", "StringEquals"),
    ("ArnLike", "StringLike"),
    ("NumericLessThan", "NumericLessThanEquals"),
    ("NumericGreaterThan", "NumericGreaterThanEquals"),
    ("DateLessThan", "DateLessThanEquals"),
    ("DateGreaterThan", "DateGreaterThanEquals"),
    ("StringEqualsIgnoreCase", "StringEquals"),
)
_CONFUSED_KEYS = (
    ("aws:requesttag/", "aws:ResourceTag/"),
    ("aws:resourcetag/", "aws:RequestTag/"),
    ("aws:principaltag/", "aws:ResourceTag/"),
    ("aws:sourcearn", "aws:PrincipalArn"),
    ("aws:principalarn", "aws:SourceArn"),
    ("aws:sourceaccount", "aws:PrincipalAccount"),
    ("aws:principalaccount", "aws:SourceAccount"),
    ("aws:resourceaccount", "aws:PrincipalAccount"),
    ("aws:sourceip", "aws:VpcSourceIp"),
    ("aws:sourcevpc", "aws:SourceVpce"),
    ("aws:sourcevpce", "aws:SourceVpc"),
    ("aws:userid", "aws:username"),
    ("aws:username", "aws:userid"),
)

Block = dict[str, dict[str, Json]]
Test = tuple[str, str]  # operator as written, key as written


def _tests(statement: dict[str, Json]) -> list[Test]:
    return [(op, key) for op, keys in statement.get("Condition", {}).items() for key in keys]


def _moved(block: Block, test: Test, operator: str, key: str, values: Json) -> Block | None:
    """The condition block with one test replaced in place; None when another test already stands there."""
    if (operator, key) != test and key in block.get(operator, {}):
        return None
    changed: Block = {}
    for op, keys in block.items():
        for name, old in keys.items():
            here = (op, name) == test
            changed.setdefault(operator if here else op, {})[key if here else name] = values if here else old
    return changed


def _one_changed(
    statement: dict[str, Json], rng: Random, change: Callable[[str, str, Json], tuple[str, str, Json] | None]
) -> dict[str, Json] | None:
    tests = _tests(statement)
    rng.shuffle(tests)
    for operator, key in tests:
        found = change(operator, key, statement["Condition"][operator][key])
        block = _moved(statement["Condition"], (operator, key), *found) if found else None
        if block is not None:
            return {**statement, "Condition": block}
    return None


def _split(operator: str) -> tuple[str, str, str]:
    """(quantifier with its colon, base, IfExists) of an operator as written."""
    quantifier, colon, rest = operator.rpartition(":")
    base = rest[: -len("IfExists")] if rest.lower().endswith("ifexists") else rest
    return quantifier + colon, base, rest[len(base) :]


def dropped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """One test forgotten; with the last one the whole element."""
    tests = _tests(statement)
    if not tests:
        return None
    gone = rng.choice(tests)
    block: Block = {}
    for op, keys in statement["Condition"].items():
        kept = {key: value for key, value in keys.items() if (op, key) != gone}
        if kept:
            block[op] = kept
    if block:
        return {**statement, "Condition": block}
    return {name: value for name, value in statement.items() if name != "Condition"}


def value_wrong(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """One value of one test written wrong."""

    def change(operator: str, key: str, values: Json) -> tuple[str, str, Json] | None:
        found = entries(values)
        if not found:
            return None
        at = rng.randrange(len(found))
        wrong = [*found[:at], wrong_value(found[at], rng), *found[at + 1 :]]
        return operator, key, wrong if isinstance(values, list) else wrong[0]

    return _one_changed(statement, rng, change)


def value_dropped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """One value forgotten from a list."""

    def change(operator: str, key: str, values: Json) -> tuple[str, str, Json] | None:
        if not isinstance(values, list) or len(values) < 2:
            return None
        at = rng.randrange(len(values))
        return operator, key, values[:at] + values[at + 1 :]

    return _one_changed(statement, rng, change)


def negated(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """The opposite operator: StringNotEquals for StringEquals, later for earlier, Null true for false."""
    opposite = {a.lower(): b for pair in _OPPOSITES for a, b in (pair, pair[::-1])}

    def change(operator: str, key: str, values: Json) -> tuple[str, str, Json] | None:
        quantifier, base, if_exists = _split(operator)
        if base.lower() == "null" and isinstance(values, bool | str):
            flipped = str(values).lower() != "true"
            return operator, key, flipped if isinstance(values, bool) else str(flipped).lower()
        if base.lower() not in opposite:
            return None
        return f"{quantifier}{opposite[base.lower()]}{if_exists}", key, values

    return _one_changed(statement, rng, change)


def operator_wrong(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """A neighbouring operator: StringEquals for StringLike, `<=` for `<`."""

    def change(operator: str, key: str, values: Json) -> tuple[str, str, Json] | None:
        quantifier, base, if_exists = _split(operator)
        ways = [b for pair in _CONFUSED_OPERATORS for a, b in (pair, pair[::-1]) if a.lower() == base.lower()]
        if base.lower() == "stringequals" and not all(str(v).startswith("arn:") for v in entries(values)):
            ways = [way for way in ways if not way.startswith("Arn")]
        return (f"{quantifier}{rng.choice(ways)}{if_exists}", key, values) if ways else None

    return _one_changed(statement, rng, change)


def key_wrong(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """A neighbouring key: the request's tag for the resource's, the principal's account for the source's."""

    def change(operator: str, key: str, values: Json) -> tuple[str, str, Json] | None:
        for old, new in _CONFUSED_KEYS:
            if key.lower() == old or (old.endswith("/") and key.lower().startswith(old)):
                return operator, new + key[len(old) :], values
        return None

    return _one_changed(statement, rng, change)


def quantifier_swapped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """ForAnyValue for ForAllValues, or the other way round."""

    def change(operator: str, key: str, values: Json) -> tuple[str, str, Json] | None:
        for old, new in (("ForAnyValue:", "ForAllValues:"), ("ForAllValues:", "ForAnyValue:")):
            if operator.lower().startswith(old.lower()):
                return new + operator[len(old) :], key, values
        return None

    return _one_changed(statement, rng, change)


def if_exists_swapped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """IfExists forgotten, or added where the key must be there."""

    def change(operator: str, key: str, values: Json) -> tuple[str, str, Json] | None:
        quantifier, base, if_exists = _split(operator)
        if re.fullmatch("null", base, re.IGNORECASE):
            return None
        return f"{quantifier}{base}{'' if if_exists else 'IfExists'}", key, values

    return _one_changed(statement, rng, change)


KINDS = (
    Kind("condition_dropped", dropped),
    Kind("condition_value_wrong", value_wrong),
    Kind("condition_value_dropped", value_dropped),
    Kind("condition_negated", negated),
    Kind("condition_operator_wrong", operator_wrong),
    Kind("condition_key_wrong", key_wrong),
    Kind("condition_quantifier_swapped", quantifier_swapped),
    Kind("condition_if_exists_swapped", if_exists_swapped),
)
