"""Statements as plain JSON again, in the form the original has them wherever that is unchanged."""

from collections.abc import Mapping, Sequence

from opswright.nouns import Json
from opswright.tools.iam.document import ConditionTest, Entry, Policy, PrincipalEntry, Statement
from opswright.tools.iam.operators import read_operator


def policy_value(original: Policy, statements: Sequence[Statement]) -> Json:
    """The original document with these statements. A statement whose index is one of the original's stands for it."""
    old_value = original.value["Statement"]
    old_list: list[Json] = old_value if isinstance(old_value, list) else [old_value]
    made = []
    seen: set[int] = set()
    for statement in statements:
        at = statement.index
        known = 0 <= at < len(old_list) and at not in seen
        seen.add(at)
        made.append(
            statement_value(statement, original.statements[at], old_list[at])
            if known
            else statement_value(statement, None, {})
        )
    single = not isinstance(old_value, list) and len(made) == 1
    return {**original.value, "Statement": made[0] if single else made}


def statement_value(statement: Statement, old: Statement | None, old_value: Mapping[str, Json]) -> dict[str, Json]:
    """One statement; elements that did not change keep their JSON, and their order."""
    parts: dict[str, Json] = {}
    if old is not None and statement.sid is not None:
        parts["Sid"] = statement.sid
    parts["Effect"] = statement.effect.value
    if statement.principals is not None:
        name = "NotPrincipal" if statement.not_principal else "Principal"
        same = old is not None and old.principals == statement.principals
        parts[name] = _old(old_value, "Principal", "NotPrincipal") if same else _principals(statement.principals)
    name = "NotAction" if statement.not_action else "Action"
    same = old is not None and old.actions == statement.actions
    before = _old(old_value, "Action", "NotAction")
    parts[name] = before if same else _entries(statement.actions, before)
    if statement.resources is not None:
        name = "NotResource" if statement.not_resource else "Resource"
        same = old is not None and old.resources == statement.resources
        before = _old(old_value, "Resource", "NotResource")
        parts[name] = before if same else _entries(statement.resources, before)
    if statement.conditions:
        same = old is not None and old.conditions == statement.conditions
        parts["Condition"] = old_value["Condition"] if same else _conditions(statement.conditions, old, old_value)
    return _ordered(parts, old_value)


def _ordered(parts: dict[str, Json], old_value: Mapping[str, Json]) -> dict[str, Json]:
    """The parts in the original's order; an inverted element takes the place of its counterpart."""
    made: dict[str, Json] = {}
    for name in old_value:
        for spelled in (name, name.removeprefix("Not"), f"Not{name}"):
            if spelled in parts:
                made[spelled] = parts.pop(spelled)
                break
    return {**made, **parts}


def _old(value: Mapping[str, Json], *names: str) -> Json:
    return next((value[name] for name in names if name in value), None)


def _entries(entries: Sequence[Entry], before: Json) -> Json:
    texts = [entry.text for entry in entries]
    return texts[0] if len(texts) == 1 and not isinstance(before, list) else texts


def _principals(principals: Sequence[PrincipalEntry]) -> Json:
    if all(entry.kind == "*" for entry in principals):
        return "*"
    groups: dict[str, list[str]] = {}
    for entry in principals:
        groups.setdefault("AWS" if entry.kind == "*" else entry.kind, []).append(entry.text)
    return {kind: texts[0] if len(texts) == 1 else texts for kind, texts in groups.items()}


def _conditions(tests: Sequence[ConditionTest], old: Statement | None, old_value: Mapping[str, Json]) -> Json:
    block: dict[str, dict[str, Json]] = {}
    kept = _old_tests(old_value.get("Condition") or {}) if old is not None else {}
    for test in tests:
        name = operator_name(test)
        spelled, before = kept.get((name, test.key), (name, None))
        unchanged = old is not None and test in old.conditions and before is not None
        texts = [entry.text for entry in test.values]
        single = len(texts) == 1 and not isinstance(before, list)
        block.setdefault(spelled, {})[test.key] = before if unchanged else texts[0] if single else texts
    return block


def operator_name(test: ConditionTest) -> str:
    """The operator as policies write it, with qualifier and IfExists."""
    prefix = f"{test.quantifier}:" if test.quantifier else ""
    return f"{prefix}{test.operator}{'IfExists' if test.if_exists else ''}"


def _old_tests(block: Mapping[str, Json]) -> dict[tuple[str, str], tuple[str, Json]]:
    """(operator in AWS's spelling, key) -> operator as written, value."""
    found = {}
    for written, keys in block.items():
        operator, quantifier, if_exists = read_operator(written)
        name = operator_name(ConditionTest(operator.name, "", (), quantifier, if_exists))
        for key, value in keys.items():
            found[name, key] = (written, value)
    return found


# The order AWS's documentation writes them in.
_TOP = ("Version", "Id", "Statement")
_STATEMENT = (
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)


def in_order(value: Json) -> Json:
    """The document with its elements in the customary order: a journal keeps values, not the order of names."""
    found = value["Statement"]
    made = [_sorted(one, _STATEMENT) for one in found] if isinstance(found, list) else _sorted(found, _STATEMENT)
    return _sorted({**value, "Statement": made}, _TOP)


def _sorted(value: Mapping[str, Json], order: Sequence[str]) -> dict[str, Json]:
    return {**{name: value[name] for name in order if name in value}, **value}
