"""The condition block of a statement: operators, keys, values, each checked where it stands."""

from collections.abc import Callable
from typing import NoReturn

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam import values, variables
from opswright.tools.iam.document import ConditionTest, Entry
from opswright.tools.iam.operators import Operator, UnknownOperator, read_operator
from opswright.tools.iam.places import Place
from opswright.tools.iam.words import plain, quoted

_READABLE: dict[str, tuple[Callable[[str], object], str]] = {
    "numeric": (values.number, "a number, such as 10 or 1.5"),
    "date": (values.date, "a date, such as 2026-01-31T00:00:00Z, or seconds since 1970"),
    "bool": (values.boolean, "true or false"),
    "null": (values.boolean, "true (the key is absent) or false (it is present)"),
    "ip": (values.network, "an address range, such as 203.0.113.0/24 or 2001:db8::/32"),
    "binary": (values.binary, "base64 text"),
}


def read_conditions(value: Json, place: Place) -> tuple[ConditionTest, ...]:
    """The tests of a condition block in the order they stand. Raises InputError at what does not read."""
    if not isinstance(value, dict):
        _fail(place, "Condition must be an object of operators, each an object of keys and values")
    tests: list[ConditionTest] = []
    for text, block in value.items():
        try:
            operator = read_operator(text)
        except UnknownOperator as error:
            _fail(place.name(text), str(error))
        at = place.member(text)
        if not isinstance(block, dict):
            _fail(at, f"{text} must be an object of keys and values")
        if not block:
            _fail(at, f"{text} tests no key; name one or take it out")
        _check_case(block, at)
        tests.extend(_test(operator, key, raw, at) for key, raw in block.items())
    return tuple(tests)


def _check_case(block: dict[str, Json], place: Place) -> None:
    """Keys compare in any case, so two spellings of one key under one operator are a duplicate."""
    seen: dict[str, str] = {}
    for key in block:
        first = seen.setdefault(key.lower(), key)
        if first != key:
            _fail(
                place.name(key),
                f"the key {quoted(key)} is {quoted(first)} again (case does not count); merge their values",
            )


def _test(operator: tuple[Operator, object, bool], key: str, raw: Json, place: Place) -> ConditionTest:
    kind, quantifier, if_exists = operator
    if not key.strip():
        _fail(place.name(key), f"{kind.name} tests a key without a name")
    entries = _values(kind, key, raw, place.member(key))
    return ConditionTest(kind.name, key, entries, quantifier, if_exists, place.name(key).span)  # type: ignore[arg-type]


def _values(operator: Operator, key: str, raw: Json, place: Place) -> tuple[Entry, ...]:
    if not isinstance(raw, list):
        return (_value(operator, key, raw, place),)
    if not raw:
        _fail(place, f"{operator.name} on {plain(key)} has an empty list of values; give at least one")
    return tuple(_value(operator, key, item, place.item(index)) for index, item in enumerate(raw))


def _value(operator: Operator, key: str, raw: Json, place: Place) -> Entry:
    text = scalar_text(raw)
    if text is None:
        _fail(place, f"a value of {operator.name} on {plain(key)} must be a string, a number or true/false")
    readable = _READABLE.get(operator.family)
    if readable is not None and readable[0](text) is None:
        if variables.has_variables(text):
            _fail(place, f"{operator.name} takes no policy variable; only string and ARN operators do")
        _fail(place, f"{operator.name} on {plain(key)} needs {readable[1]}, not {quoted(text)}")
    return Entry(text, place.span)


def scalar_text(raw: Json) -> str | None:
    """The string AWS compares a JSON scalar as; None for what is no scalar."""
    if isinstance(raw, str):
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int):
        return str(raw)
    if isinstance(raw, float):
        return str(int(raw)) if raw.is_integer() and abs(raw) < 1e15 else repr(raw)
    return None


def _fail(place: Place, message: str) -> NoReturn:
    raise InputError(message, place.where())
