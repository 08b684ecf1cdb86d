"""Makes a policy that AWS would refuse readable where its meaning is in no doubt, and says what it changed.

For repair: a document with a stray or mis-spelled element can be mended before it is repaired. Whatever is left out or
moved is told; where two readings are possible the narrower one is taken. What stays wrong the parser still refuses.
"""

import difflib

from opswright.nouns import Json
from opswright.tools.iam.operators import UnknownOperator, read_operator
from opswright.tools.iam.parser import STATEMENT_ELEMENTS, TOP_ELEMENTS
from opswright.tools.iam.words import quoted


def mend(value: Json) -> tuple[Json, tuple[str, ...]]:
    """The policy with unknown elements left out, names respelled and stray condition operators put into Condition;
    and one line for each change, none when there was nothing to mend."""
    notes: list[str] = []
    if not isinstance(value, dict):
        return value, ()
    policy = _respelled(value, TOP_ELEMENTS, "the policy", notes)
    if isinstance(policy.get("Statement"), dict):
        policy["Statement"] = _statement(policy["Statement"], "statement 1", notes)
    elif isinstance(policy.get("Statement"), list):
        policy["Statement"] = [
            _statement(item, f"statement {index + 1}", notes) for index, item in enumerate(policy["Statement"])
        ]
    return policy, tuple(notes)


def _statement(value: Json, where: str, notes: list[str]) -> Json:
    if not isinstance(value, dict):
        return value
    statement = _respelled(_with_conditions(value, where, notes), STATEMENT_ELEMENTS, where, notes)
    effect = statement.get("Effect")
    if isinstance(effect, str) and effect not in ("Allow", "Deny") and effect.capitalize() in ("Allow", "Deny"):
        statement["Effect"] = effect.capitalize()
        notes.append(f"{where}: Effect {quoted(effect)} respelled")
    for name in ("Principal", "NotPrincipal"):
        if isinstance(statement.get(name), list):
            statement[name] = {"AWS": statement[name]}
            notes.append(f"{where}: the list in {name} read as AWS principals")
    return statement


def _with_conditions(value: dict[str, Json], where: str, notes: list[str]) -> dict[str, Json]:
    """Condition operators that stand beside the elements, moved into Condition."""
    strays = {name: block for name, block in value.items() if _is_operator(name) and isinstance(block, dict)}
    condition = value.get("Condition", {})
    if not strays or not isinstance(condition, dict) or set(strays) & set(condition):
        return value
    notes.extend(f"{where}: {name} moved into Condition" for name in strays)
    kept = {name: item for name, item in value.items() if name not in strays}
    return {**kept, "Condition": {**condition, **strays}}


def _is_operator(name: str) -> bool:
    try:
        read_operator(name)
    except UnknownOperator:
        return False
    return True


def _meant(name: str, names: tuple[str, ...]) -> str | None:
    """The element a name is a slip of."""
    near = difflib.get_close_matches(name.lower(), [known.lower() for known in names], 1, 0.8)
    return next((known for known in names if near and known.lower() == near[0]), None)


def _respelled(value: dict[str, Json], names: tuple[str, ...], where: str, notes: list[str]) -> dict[str, Json]:
    """The object with its names in AWS's case, without those that AWS does not have."""
    known = {name.lower(): name for name in names}
    done: dict[str, Json] = {}
    for name, item in value.items():
        proper = known.get(name.lower()) or _meant(name, names)
        if proper is None and isinstance(item, dict):
            done[name] = item  # it may have been a restriction: whoever wrote it has to say
        elif proper is None:
            notes.append(f"{where}: unknown element {quoted(name)} left out")
        elif proper in done or (proper != name and proper in value):
            notes.append(f"{where}: {quoted(name)} left out, {proper} is there already")
        else:
            if proper != name:
                notes.append(f"{where}: {quoted(name)} respelled as {proper}")
            done[proper] = item
    return done
