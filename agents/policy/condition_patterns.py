"""How one condition test may have been meant: another operator, other values, another key; and tests learned afresh."""

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from opswright.agents.policy.evidence import Evidence
from opswright.agents.policy.guess import alike, common_ends
from opswright.agents.policy.setting import Setting
from opswright.agents.policy.templating import templated
from opswright.tools.iam import arns, globs, values
from opswright.tools.iam.document import ConditionTest, Entry, Quantifier, Request
from opswright.tools.iam.operators import OPERATORS
from opswright.tools.iam.variables import has_variables

# Operators that people take for one another, beside each operator and its negation.
CONFUSED = (
    ("StringEquals", "StringLike", "StringEqualsIgnoreCase", "ArnEquals", "ArnLike"),
    ("StringNotEquals", "StringNotLike", "StringNotEqualsIgnoreCase", "ArnNotEquals", "ArnNotLike"),
    ("NumericEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"),
    ("DateEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"),
)
_QUANTIFIERS: tuple[Quantifier | None, ...] = (None, "ForAnyValue", "ForAllValues")


MOST_VALUES = 6


@dataclass(frozen=True, slots=True)
class TestGuess:
    """A test as it may have been meant; `kind` names the slip, `cost` is in bits or so."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    kind: str
    cost: float
    test: ConditionTest


def opposite(operator: str) -> str | None:
    """The operator that negates this one, or that this one negates."""
    mine = OPERATORS[operator]
    if mine.negated:
        return mine.positive
    return next((one.name for one in OPERATORS.values() if one.positive == operator and one.negated), None)


def reworked(test: ConditionTest) -> Iterator[TestGuess]:
    """The same key and values under another operator, qualifier or sense."""
    other = opposite(test.operator)
    if other:
        yield TestGuess("condition-negated", 2.2, replace(test, operator=other))
    unreadable = 1.4 * (not readable_values(test))
    for family in CONFUSED:
        if test.operator in family:
            yield from (
                TestGuess("condition-operator", _confusion(test, name) - unreadable, replace(test, operator=name))
                for name in family
                if name != test.operator
            )
    if test.operator in ("Bool", "Null") and len(test.values) == 1:
        flipped = "false" if values.boolean(test.values[0].text) else "true"
        yield TestGuess("condition-value", 2.3, replace(test, values=(Entry(flipped),)))
    if test.operator != "Null":
        yield TestGuess(
            "condition-ifexists", 2.5 + 0.4 * bool(test.quantifier), replace(test, if_exists=not test.if_exists)
        )
    for quantifier in _QUANTIFIERS:
        if quantifier != test.quantifier:
            cost = 2.6 if test.quantifier is not None else 4.0
            yield TestGuess("condition-quantifier", cost, replace(test, quantifier=quantifier))


def readable_values(test: ConditionTest) -> bool:
    """Whether the operator can make sense of at least one of the values (ArnLike of a plain name cannot)."""
    readers: Mapping[str, Callable[[str], object]] = {
        "arn": lambda text: arns.split(text) or text == "*",
        "ip": values.network,
        "numeric": values.number,
        "date": values.date,
        "bool": values.boolean,
    }
    reader = readers.get(OPERATORS[test.operator].family)
    return reader is None or any(
        has_variables(entry.text) or reader(entry.text) not in (None, False) for entry in test.values
    )


def _confusion(test: ConditionTest, name: str) -> float:
    """StringEquals with a wildcard in its values was likely meant as StringLike."""
    starred = any(globs.is_glob(entry.text) for entry in test.values)
    if "Like" in name and "Equals" in test.operator and starred:
        return 1.6
    mirrored = {"Less": "Greater", "Greater": "Less"}
    for word, mirror in mirrored.items():
        if word in test.operator and test.operator.replace(word, mirror) == name:
            return 2.4
    same_direction = test.operator.removesuffix("Equals") == name.removesuffix("Equals")
    return 2.6 if same_direction else 3.2


@dataclass(frozen=True, slots=True)
class Wish:
    """What should become of a test: `come` should meet it, `go` should not, `keep` must go on meeting it."""

    come: int
    go: int
    keep: int


def revalued(test: ConditionTest, evidence: Evidence, wish: Wish, setting: Setting) -> Iterator[TestGuess]:
    """The same operator and key with other values, taken from the requests and from the policy's other tests.

    For a negated operator a request meets the test by having none of the values.
    """
    if test.operator == "Null":
        return
    key = test.key.lower()
    texts = [entry.text for entry in test.values]
    negated = OPERATORS[test.operator].negated
    listed = evidence.values(wish.go if negated else wish.come | wish.keep, key)
    unlisted = evidence.values(wish.come if negated else wish.go, key)
    missing = [value for value in listed if not _met(test, value)]
    yield from _with_missing(test, texts, missing, evidence, wish.keep)
    yield from _without(test, texts, unlisted)
    if listed:
        for made in expressed(OPERATORS[test.operator].positive, listed):
            if list(made) != texts:
                rewritten = 1.2 * any(has_variables(text) for text in texts)
                yield TestGuess("condition-value", 3.0 + rewritten + 0.4 * (len(made) - 1), _with(test, made))
    yield from _variable_values(test, evidence, wish.go if negated else wish.come | wish.keep, setting)
    for other in setting.tests:
        if other.key.lower() == key and other.values != test.values:
            cost = 2.6 if set(other.values) > set(test.values) else 3.2
            yield TestGuess("condition-value", cost, replace(test, values=other.values))


def _variable_values(test: ConditionTest, evidence: Evidence, mask: int, setting: Setting) -> Iterator[TestGuess]:
    """A value that repeats another key's: the variable itself, alone or beside the others."""
    if OPERATORS[test.operator].family not in ("string", "arn"):
        return
    key = test.key.lower()
    texts = [entry.text for entry in test.values]
    unmet = mask & ~evidence.test_mask(replace(test, operator=OPERATORS[test.operator].positive))
    for group in dict.fromkeys((mask, unmet)):
        for made, values_seen in templated(evidence, group, partial(_single, key=key), setting, key):
            if len(made) == 1 and made[0] not in texts:
                repeated = values_seen > 1
                near = any(alike(text, made[0]) is not None for text in texts)
                yield TestGuess("condition-value", 1.6 if near else 2.3 if repeated else 3.2, _with(test, made))
                yield TestGuess("condition-value", 2.5 if repeated else 3.4, _with(test, [*texts, *made]))


def _single(request: Request, key: str) -> str | None:
    given = request.context.get(key, ())
    return given[0] if len(given) == 1 else None


def _met(test: ConditionTest, value: str) -> bool:
    from opswright.tools.iam.conditions import value_matches

    return any(value_matches(test.operator, entry.text, value) for entry in test.values)


def _with(test: ConditionTest, texts: Sequence[str]) -> ConditionTest:
    return replace(test, values=tuple(Entry(text) for text in dict.fromkeys(texts)))


def _with_missing(
    test: ConditionTest, texts: list[str], missing: list[str], evidence: Evidence, keep: int
) -> Iterator[TestGuess]:
    """Values added, or put in the place of one that nothing needs."""
    if not missing:
        return
    for made in expressed(OPERATORS[test.operator].positive, missing):
        cost = 2.8 + 0.6 * (len(made) - 1)
        yield TestGuess("condition-value", cost, _with(test, [*texts, *made]))
        if len(made) == 1:
            for at, text in enumerate(texts[:8]):
                changed = _with(test, [*texts[:at], *made, *texts[at + 1 :]])
                if evidence.readable(changed) and not keep & evidence.test_mask(test) & ~evidence.test_mask(changed):
                    near = alike(text, made[0]) is not None
                    # Nothing speaks against the value that would go, or it would show as a wrongly allowed request.
                    cost = 1.7 if near else 3.1 if len(texts) == 1 else 3.4
                    yield TestGuess("condition-value", cost + 1.2 * has_variables(text), changed)


def _without(test: ConditionTest, texts: list[str], focused: list[str]) -> Iterator[TestGuess]:
    """The values that let the focus in are taken out."""
    from opswright.tools.iam.conditions import value_matches

    left = [text for text in texts if not any(value_matches(test.operator, text, value) for value in focused)]
    if left and len(left) < len(texts):
        yield TestGuess("condition-value", 2.5 * (len(texts) - len(left)), _with(test, left))


def expressed(operator: str, given: Sequence[str]) -> list[tuple[str, ...]]:
    """Ways to write the values so that each meets the positive operator."""
    family = OPERATORS[operator].family
    distinct = tuple(dict.fromkeys(given))
    if family == "ip":
        return _networks(distinct)
    if family in ("numeric", "date") and "Than" in operator:
        read = values.number if family == "numeric" else values.date
        known = sorted((number, text) for text in distinct if (number := read(text)) is not None)
        if not known:
            return []
        strict = not operator.endswith("Equals")
        extreme = known[-1] if "Less" in operator else known[0]
        step = (1 if "Less" in operator else -1) if strict and family == "numeric" else 0
        return [(f"{extreme[0] + step:f}".rstrip("0").rstrip(".") if step else extreme[1],)]
    found = [distinct] if len(distinct) <= 8 else []
    if operator in ("StringLike", "ArnLike", "ArnEquals"):
        found.append((common_ends(distinct) if len(distinct) > 1 else _opened(distinct[0]),) if distinct else ())
    return list(dict.fromkeys(found))


def _opened(text: str) -> str:
    """The text with its last word open."""
    cut = max(text.rfind(mark) for mark in "/-:._")
    return f"{text[: cut + 1]}*" if cut > 0 else text


def _networks(given: Sequence[str]) -> list[tuple[str, ...]]:
    addresses = [address for text in given if (address := values.address(text)) is not None]
    if not addresses or len({address.version for address in addresses}) > 1:
        return []
    found: list[tuple[str, ...]] = [tuple(f"{a}/{a.max_prefixlen}" for a in addresses)]
    for prefix in (24, 16, 8) if addresses[0].version == 4 else (64, 48, 32):
        networks = dict.fromkeys(ipaddress.ip_network(f"{address}/{prefix}", strict=False) for address in addresses)
        if len(networks) == 1 or 2 * len(networks) <= len(set(addresses)):
            found.append(tuple(map(str, networks)))
            if len(networks) == 1:
                break
    return found


def rekeyed(test: ConditionTest, evidence: Evidence, matching: int, setting: Setting) -> Iterator[TestGuess]:
    """The same test on another key that the requests or the policy name."""
    mine = test.key.lower()
    keys = dict.fromkeys([*evidence.keys(matching), *(other.key for other in setting.tests)])
    for name in keys:
        if name.lower() != mine:
            key = setting.spelled_key(name, evidence.actions(matching))
            yield TestGuess("condition-key", 2.4 if _sibling(mine, name.lower()) else 3.3, replace(test, key=key))


def _sibling(one: str, other: str) -> bool:
    """Keys that people mix up: the same tag on another thing, or names that differ by a slip."""
    tag = one.partition("/")[2]
    if tag and tag == other.partition("/")[2]:
        return True
    return alike(one, other) is not None or one.partition(":")[2] == other.partition(":")[2]


def learned(evidence: Evidence, keep: int, drop: int, focus: int, setting: Setting) -> Iterator[TestGuess]:
    """Tests which the requests that must match meet and the focus does not, read off their contexts."""
    actions = evidence.actions(keep | focus)
    for name in evidence.keys(keep | focus):
        key = setting.spelled_key(name, actions)
        kind, many = setting.key_type(name, actions)
        many = many or any(len(request.context.get(name, ())) > 1 for request in evidence.requests)
        quantifier: Quantifier | None = "ForAnyValue" if many else None
        kept, out = evidence.values(keep, name), evidence.values(focus, name)
        for texts, values_seen in templated(evidence, keep, partial(_single, key=name), setting, name):
            if len(texts) == 1 and values_seen > 1:
                yield TestGuess("condition-dropped", 3.1, ConditionTest("StringEquals", key, (Entry(texts[0]),)))
        base, rank = _operator_for(kind), 0.0 if evidence.with_key(drop, name) == drop else 0.3
        rank -= 0.3 * setting.tested(name) + 0.2 * (not name.startswith("aws:"))
        if kept and not keep & ~evidence.with_key(keep, name):
            for made in expressed(base, kept):
                if len(made) <= 4:
                    test = ConditionTest(base, key, tuple(Entry(t) for t in made), quantifier)
                    yield TestGuess("condition-dropped", 3.6 + 0.4 * (len(made) - 1) + rank, test)
            if not out:
                yield TestGuess("condition-dropped", 4.2, ConditionTest("Null", key, (Entry("false"),)))
        if many and kept and out and not set(out) <= set(kept) and len(kept) <= MOST_VALUES:
            test = ConditionTest(base, key, tuple(Entry(t) for t in kept), "ForAllValues")
            yield TestGuess("condition-dropped", 3.5 + 0.3 * (len(kept) - 1) + rank, test)
        negated = opposite(base)
        if out and negated and not set(out) & set(kept):
            dropped = evidence.values(drop, name)
            texts = dropped if not set(dropped) & set(kept) else out
            test = ConditionTest(negated, key, tuple(Entry(t) for t in texts[:8]), "ForAllValues" if many else None)
            yield TestGuess("condition-dropped", 4.2 + 0.3 * (len(texts) - 1), test)
            if not kept:
                yield TestGuess("condition-dropped", 4.4, ConditionTest("Null", key, (Entry("true"),)))


def _operator_for(kind: str) -> str:
    """The operator that people use for a key of a type."""
    by_type = {"Bool": "Bool", "IPAddress": "IpAddress", "ARN": "ArnLike", "Numeric": "NumericEquals"}
    return by_type.get(kind, "DateEquals" if kind == "Date" else "StringEquals")
