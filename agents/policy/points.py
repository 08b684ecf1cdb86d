"""The least access that meets required requests, written as statements: the floor every repair stands on.

A required request asks for its action, its resource, its principal (where the policy names principals) and every
context key it states, whatever other keys a real call carries. A resource with wildcard characters asks for all they
match, as no policy of Version 2008 could name them otherwise.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from opswright.agents.policy.operators.principals import entry_for
from opswright.agents.policy.setting import Setting
from opswright.tools.iam import globs, values
from opswright.tools.iam.document import ConditionTest, Effect, Entry, Policy, PrincipalEntry, Request, Statement
from opswright.tools.iam.spec import Pattern

_EXACT = {"Bool": "Bool", "IPAddress": "IpAddress", "Numeric": "NumericEquals", "Date": "DateEquals"}


def exact_statement(effect: Effect, request: Request, setting: Setting) -> Statement:
    """A statement that matches the request, and of all others only those with the same stated parts."""
    return Statement(
        -1,
        effect,
        (Entry(setting.known.spelled(request.action)),),
        resources=(Entry(_literal(request.resource, setting.policy)),),
        principals=_principals(effect, request, setting),
        conditions=tuple(test for key in sorted(request.context) for test in _exactly(request, key, setting)),
    )


def _literal(text: str, policy: Policy) -> str:
    return text.replace("${", "${$}{") if policy.variables else text


def _principals(effect: Effect, request: Request, setting: Setting) -> tuple[PrincipalEntry, ...] | None:
    """Whom the statement names. A request that names nobody is content with whom the policy names already."""
    if not setting.resource_based:
        return None
    if request.principal is not None:
        return (entry_for(request.principal),)
    if effect is Effect.DENY:
        return (PrincipalEntry("*", "*"),)
    return setting.grantee


def _exactly(request: Request, key: str, setting: Setting) -> Iterable[ConditionTest]:
    """Tests that the key has the request's values, no more and no fewer."""
    given = request.context[key]
    if not given:
        return
    kind, several = setting.key_type(key, (request.action,))
    name = setting.spelled_key(key, (request.action,))
    texts = [_literal(value, setting.policy) for value in given]
    if len(given) == 1 and not several and key not in setting.several:
        yield ConditionTest(_exact_operator(kind, given[0]), name, (Entry(texts[0]),))
        return
    yield ConditionTest("StringEquals", name, tuple(map(Entry, texts)), "ForAllValues")
    # Each value is there: a block names operator and key once, so every value needs an operator of its own. Among the
    # values that ForAllValues leaves, "one that is none of the others" is this one.
    positive = ("StringEquals", "StringLike", "StringEqualsIgnoreCase")
    negative = ("StringNotEquals", "StringNotLike", "StringNotEqualsIgnoreCase")
    starred = any(globs.is_glob(text) for text in texts)
    operators = [one for one in (*positive, *negative) if not (starred and one.endswith("Like"))]
    for at, operator in enumerate(operators[: len(texts)]):
        others = [text for other, text in enumerate(texts) if other != at]
        wanted = [texts[at]] if operator in positive else others
        yield ConditionTest(operator, name, tuple(map(Entry, wanted)), "ForAnyValue")


def _exact_operator(kind: str, value: str) -> str:
    readers: Mapping[str, Callable[[str], object]] = {
        "Bool": values.boolean,
        "IPAddress": values.address,
        "Numeric": values.number,
        "Date": values.date,
    }
    reader = readers.get(kind)
    return _EXACT[kind] if reader is not None and reader(value) is not None else "StringEquals"


def merged(statements: Sequence[Statement]) -> list[Statement]:
    """The same access in fewer statements: unions are made only where the product stays exact."""
    found = _united(list(statements), "actions")
    found = _united(found, "resources")
    found = _united(found, "principals")
    return _united(found, "actions")


def _united(statements: list[Statement], name: str) -> list[Statement]:
    """Statements that differ in one element only are joined in it."""
    groups: dict[tuple[object, ...], list[Statement]] = {}
    for statement in statements:
        parts = {"actions": statement.actions, "resources": statement.resources, "principals": statement.principals}
        joinable = parts.pop(name) is not None
        key = (statement.effect, statement.not_action, statement.conditions, *parts.values(), joinable)
        groups.setdefault(key, []).append(statement)
    made = []
    for group in groups.values():
        first = group[0]
        if getattr(first, name) is None:
            made.append(first)
            continue
        joined = tuple(dict.fromkeys(entry for statement in group for entry in getattr(statement, name)))
        change: dict[str, Any] = {name: joined}
        made.append(replace(first, **change))
    return made


def pattern_statement(pattern: Pattern, principals: Iterable[PrincipalEntry]) -> Statement | None:
    """An Allow statement for a pattern. A principal glob stands for those of `principals` that it matches; None when
    there is none."""
    named: tuple[PrincipalEntry, ...] | None = None
    if pattern.principals is not None:
        named = tuple(
            entry for entry in principals if any(globs.matches(glob, entry.text) for glob in pattern.principals)
        )
        if "*" in pattern.principals:
            named = (PrincipalEntry("*", "*"),)
        if not named:
            return None
    return Statement(
        -1,
        Effect.ALLOW,
        tuple(Entry(text) for text in pattern.actions),
        resources=tuple(Entry(text) for text in pattern.resources),
        principals=named,
        conditions=tuple(
            ConditionTest("StringLike", key, tuple(Entry(text) for text in texts), "ForAnyValue")
            for key, texts in pattern.context.items()
            if texts
        ),
    )
