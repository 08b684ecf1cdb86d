"""What models may propose: a choice, or a list of typed edits. Nothing of it is trusted; all of it is proved."""

import copy
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from opswright.agents.policy.changes import statement_values
from opswright.errors import ModelRetry
from opswright.nouns import Json

Element = Literal["Action", "NotAction", "Resource", "NotResource"]
Text = Annotated[str, Field(min_length=1, max_length=2048)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=200)]
Number = Annotated[int, Field(ge=1, le=1000, description="statement number, counted from 1")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Choice(_Strict):
    """Which of the candidates fits the goal best."""

    candidate: Annotated[int, Field(ge=1, le=26)]
    reason: Annotated[str, Field(max_length=500)]


class SetEffect(_Strict):
    op: Literal["set_effect"]
    statement: Number
    effect: Literal["Allow", "Deny"]


class AddEntries(_Strict):
    op: Literal["add_entries"]
    statement: Number
    element: Element
    values: Texts


class RemoveEntries(_Strict):
    op: Literal["remove_entries"]
    statement: Number
    element: Element
    values: Texts


class ReplaceEntry(_Strict):
    op: Literal["replace_entry"]
    statement: Number
    element: Element
    old: Text
    new: Text


class Invert(_Strict):
    """Action becomes NotAction or back; likewise Resource and Principal."""

    op: Literal["invert_element"]
    statement: Number
    element: Literal["Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal"]


class SetCondition(_Strict):
    """Adds a test, or gives the test of that operator and key other values."""

    op: Literal["set_condition"]
    statement: Number
    operator: Text
    key: Text
    values: Texts


class RemoveCondition(_Strict):
    op: Literal["remove_condition"]
    statement: Number
    operator: Text
    key: Text


class SetPrincipal(_Strict):
    """The statement's principals, all of them; kind `*` is everybody."""

    op: Literal["set_principal"]
    statement: Number
    kind: Literal["*", "AWS", "Service", "Federated", "CanonicalUser"]
    values: Annotated[list[Text], Field(max_length=50)] = []


class NewCondition(_Strict):
    operator: Text
    key: Text
    values: Texts


class AddStatement(_Strict):
    op: Literal["add_statement"]
    effect: Literal["Allow", "Deny"]
    actions: Texts
    resources: Texts
    principal_kind: Literal["*", "AWS", "Service", "Federated", "CanonicalUser"] | None = None
    principals: Annotated[list[Text], Field(max_length=50)] = []
    conditions: Annotated[list[NewCondition], Field(max_length=20)] = []


class RemoveStatement(_Strict):
    op: Literal["remove_statement"]
    statement: Number


Edit = Annotated[
    SetEffect
    | AddEntries
    | RemoveEntries
    | ReplaceEntry
    | Invert
    | SetCondition
    | RemoveCondition
    | SetPrincipal
    | AddStatement
    | RemoveStatement,
    Field(discriminator="op"),
]


class EditList(_Strict):
    """The edits that repair the policy. Statement numbers are those of the policy as shown."""

    edits: Annotated[list[Edit], Field(min_length=1, max_length=30)]
    reason: Annotated[str, Field(max_length=1000)]


def apply_edits(value: Json, edits: Sequence[Edit]) -> Json:
    """The document with the edits. Raises ModelRetry with a message for the model when one does not fit."""
    made: list[Json] = copy.deepcopy(statement_values(value))
    removed: set[int] = set()
    for number, edit in enumerate(edits, 1):
        if isinstance(edit, AddStatement):
            made.append(_new(edit))
            continue
        at = edit.statement - 1
        if not 0 <= at < len(made) or at in removed:
            raise ModelRetry(f"edit {number}: there is no statement {edit.statement} (there are {len(made)})")
        if isinstance(edit, RemoveStatement):
            removed.add(at)
            continue
        problem = _change(made[at], edit)
        if problem:
            raise ModelRetry(f"edit {number}: statement {edit.statement} {problem}")
    left = [one for at, one in enumerate(made) if at not in removed]
    if not left:
        raise ModelRetry("a policy needs at least one statement")
    return {**value, "Statement": left}


def _change(statement: dict[str, Json], edit: Edit) -> str:
    """Changes the statement in place; says what does not fit, or nothing."""
    if isinstance(edit, SetEffect):
        statement["Effect"] = edit.effect
    elif isinstance(edit, AddEntries | RemoveEntries | ReplaceEntry):
        return _change_entries(statement, edit)
    elif isinstance(edit, Invert):
        return _invert(statement, edit.element)
    elif isinstance(edit, SetCondition):
        statement.setdefault("Condition", {}).setdefault(edit.operator, {})[edit.key] = _short(edit.values)
    elif isinstance(edit, RemoveCondition):
        return _remove_condition(statement, edit)
    elif isinstance(edit, SetPrincipal):
        name = "NotPrincipal" if "NotPrincipal" in statement else "Principal"
        statement[name] = _principal(edit.kind, edit.values)
    return ""


def _change_entries(statement: dict[str, Json], edit: AddEntries | RemoveEntries | ReplaceEntry) -> str:
    if edit.element not in statement:
        return f"has no {edit.element}"
    before = statement[edit.element]
    texts = list(before) if isinstance(before, list) else [before]
    wanted = [edit.old] if isinstance(edit, ReplaceEntry) else edit.values
    if isinstance(edit, AddEntries):
        texts += [text for text in wanted if text not in texts]
    else:
        absent = [text for text in wanted if text not in texts]
        if absent:
            return f"has no {edit.element} entry {absent[0]!r}"
        new = {edit.old: edit.new} if isinstance(edit, ReplaceEntry) else {}
        texts = [new.get(text, text) for text in texts if text in new or text not in wanted]
    if not texts:
        return f"would have no {edit.element} left; remove the statement instead"
    statement[edit.element] = texts if isinstance(before, list) or len(texts) > 1 else texts[0]
    return ""


def _invert(statement: dict[str, Json], element: str) -> str:
    if element not in statement:
        return f"has no {element}"
    other = element.removeprefix("Not") if element.startswith("Not") else f"Not{element}"
    items = [(other if name == element else name, value) for name, value in statement.items()]
    statement.clear()
    statement.update(items)
    return ""


def _remove_condition(statement: dict[str, Json], edit: RemoveCondition) -> str:
    block = statement.get("Condition", {})
    if edit.key not in block.get(edit.operator, {}):
        return f"has no condition {edit.operator} on {edit.key}"
    del block[edit.operator][edit.key]
    if not block[edit.operator]:
        del block[edit.operator]
    if not block:
        del statement["Condition"]
    return ""


def _principal(kind: str, values: Sequence[str]) -> Json:
    return "*" if kind == "*" or not values else {kind: _short(values)}


def _short(values: Sequence[str]) -> Json:
    return values[0] if len(values) == 1 else list(values)


def _new(edit: AddStatement) -> dict[str, Json]:
    made: dict[str, Json] = {"Effect": edit.effect}
    if edit.principal_kind is not None:
        made["Principal"] = _principal(edit.principal_kind, edit.principals)
    made |= {"Action": _short(edit.actions), "Resource": _short(edit.resources)}
    for condition in edit.conditions:
        made.setdefault("Condition", {}).setdefault(condition.operator, {})[condition.key] = _short(condition.values)
    return made


def describe(edits: Sequence[Edit]) -> list[str]:
    """The edits, a line each."""
    return [
        ", ".join(f"{name} {value}" for name, value in edit.model_dump(exclude_none=True).items() if value != [])
        for edit in edits
    ]
