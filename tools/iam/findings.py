"""What is odd about a policy: things AWS refuses or that cannot mean what their author meant, each with its place."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from opswright.nouns import Json
from opswright.tools.iam import arns, globs
from opswright.tools.iam.actions import ActionDatabase
from opswright.tools.iam.condition_keys import ConditionKey, global_key
from opswright.tools.iam.coverage import idle_because_of
from opswright.tools.iam.document import ConditionTest, Effect, Entry, Policy, PrincipalEntry, Span, Statement
from opswright.tools.iam.operators import OPERATORS
from opswright.tools.iam.realism import any_value, can_act_on, suggestion
from opswright.tools.iam.variables import Piece, Variable, pieces
from opswright.tools.iam.words import plain, quoted

_AWS_PRINCIPAL = re.compile(
    r"\*|[0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(root|user/[^*?]+|role/[^*?]+)"
    r"|arn:aws[a-z-]*:sts::[0-9]{12}:(assumed-role/[^*?/]+/[^*?/]+|federated-user/[^*?]+)|A[A-Z]{3}[A-Z0-9]{12,}"
)
_SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)")


@dataclass(frozen=True, slots=True)
class Finding:
    """`error`: AWS refuses it, or it can never have an effect; `warning`: it may not mean what was meant."""

    code: str
    severity: Literal["error", "warning"]
    statement: int | None
    message: str
    span: Span

    def to_json(self) -> dict[str, Json]:
        place = {"line": self.span.line, "column": self.span.column} if self.span.line else None
        return {
            "code": self.code,
            "severity": self.severity,
            "statement": self.statement,
            "message": self.message,
            "position": place,
        }


def findings(policy: Policy, database: ActionDatabase) -> tuple[Finding, ...]:
    """Everything worth telling, in the order it stands in the document."""
    found: list[Finding] = []
    for statement in policy.statements:
        found += _action_findings(statement, database)
        found += _resource_findings(statement, database)
        found += _principal_findings(statement)
        found += _condition_findings(statement, database)
        found += _variable_findings(policy, statement)
        found += _idle_findings(policy, statement, database)
    found += _sid_findings(policy)
    return tuple(sorted(found, key=lambda finding: (finding.statement or 0, finding.span.start)))


def _action_findings(statement: Statement, database: ActionDatabase) -> Iterator[Finding]:
    for entry in statement.actions:
        if ":" not in entry.text and entry.text.strip("*"):
            yield _error(
                "action-without-service", statement, f"{quoted(entry.text)} names no service; AWS refuses it", entry
            )
        elif database.unknown(entry.text):
            near = None if globs.is_glob(entry.text) else database.nearest(entry.text)
            hint = f"; did you mean {near}?" if near else ""
            text = f"{quoted(entry.text)} is not among the AWS actions known here{hint}"
            yield _error("unknown-action", statement, text, entry)


def _resource_findings(statement: Statement, database: ActionDatabase) -> Iterator[Finding]:
    entries = statement.resources or ()
    for entry in entries:
        if arns.split(any_value(entry.text)) is None and entry.text != "*":
            yield _error(
                "resource-not-arn", statement, f"{quoted(entry.text)} is no ARN and not *; AWS refuses it", entry
            )
    if not entries or statement.not_resource or statement.not_action:
        return
    for action in statement.actions:
        names = database.matching(action.text)
        if names and not any(can_act_on(database, name, entry.text) for name in names for entry in entries):
            yield _mismatch(statement, action, names, entries, database)


def _mismatch(
    statement: Statement, action: Entry, names: tuple[str, ...], entries: tuple[Entry, ...], database: ActionDatabase
) -> Finding:
    """No action the entry stands for can act on any of the statement's resources."""
    wanted = sorted({pattern for known in names for pattern in database.resource_types(known)})
    name = database.spelled(action.text)
    if not wanted:
        text = f"{name} acts on no particular resource; its Resource must be *"
        return _error("wrong-resource", statement, text, action)
    shown = ", ".join(wanted[:3]) + (" and others" if len(wanted) > 3 else "")
    changed = (suggestion(database, known, entry.text) for entry in entries for known in names)
    near = next((text for text in changed if text), None)
    hint = f"; did you mean {near}?" if near else ""
    text = f"{name} acts on {shown}, which no resource of the statement matches{hint}"
    return _error("wrong-resource", statement, text, action)


def _principal_findings(statement: Statement) -> Iterator[Finding]:
    for entry in statement.principals or ():
        if entry.kind == "AWS" and not _AWS_PRINCIPAL.fullmatch(entry.text):
            wild = globs.is_glob(entry.text)
            why = "a wildcard cannot match part of a principal" if wild else "it is no account, user, role or session"
            yield _error("principal", statement, f"{quoted(entry.text)} names nobody: {why}", entry)
        elif entry.kind == "Service" and not _SERVICE.fullmatch(entry.text):
            yield _error("principal", statement, f"{quoted(entry.text)} is no service such as ec2.amazonaws.com", entry)
    if statement.not_principal and statement.effect is Effect.ALLOW:
        yield _warning("not-principal", statement, "allows everyone except those named, anonymous users too", statement)


def _condition_findings(statement: Statement, database: ActionDatabase) -> Iterator[Finding]:
    absent = {test.key.lower() for test in statement.conditions if _demands(test, "true")}
    present = {test.key.lower() for test in statement.conditions if _demands(test, "false")}
    for test in statement.conditions:
        operator = OPERATORS[test.operator]
        key = _known_key(test.key, statement, database)
        if operator.family == "arn":
            for entry in test.values:
                if arns.split(any_value(entry.text)) is None:
                    text = f"{quoted(entry.text)} has fewer than the six parts of an ARN and matches nothing"
                    yield _error("short-arn", statement, text, entry)
        if key is not None and operator.family != "null" and key.multivalued != (test.quantifier is not None):
            yield _warning("set-operator", statement, _set_advice(test, key), test)
        if test.quantifier == "ForAllValues" and statement.effect is Effect.ALLOW and test.key.lower() not in present:
            text = f"ForAllValues also holds without {plain(test.key)}; add Null with false to demand it"
            yield _warning("for-all-values", statement, text, test)
        needs = operator.family != "null" and not test.if_exists and not operator.negated
        if needs and test.quantifier != "ForAllValues" and test.key.lower() in absent:
            yield _error("contradiction", statement, f"{plain(test.key)} must be absent and have a value at once", test)


def _demands(test: ConditionTest, value: str) -> bool:
    return test.operator == "Null" and {entry.text.lower() for entry in test.values} == {value}


def _known_key(name: str, statement: Statement, database: ActionDatabase) -> ConditionKey | None:
    key = global_key(name)
    if key is not None or statement.not_action:
        return key
    for entry in statement.actions:
        for action in database.matching(entry.text)[:1]:
            key = database.condition_keys(action).get(name.lower())
            if key is not None:
                return key
    return None


def _set_advice(test: ConditionTest, key: ConditionKey) -> str:
    if key.multivalued:
        return f"{plain(test.key)} may hold several values; use ForAnyValue or ForAllValues"
    return f"{plain(test.key)} holds one value; {test.quantifier} with it can allow too much"


def _variable_findings(policy: Policy, statement: Statement) -> Iterator[Finding]:
    tested = [entry for test in statement.conditions for entry in test.values]
    for entry in (*(statement.resources or ()), *tested):
        if "${" not in entry.text:
            continue
        if not policy.variables:
            text = f"{quoted(entry.text)} is taken literally; a variable needs Version 2012-10-17"
            yield _warning("variable-without-version", statement, text, entry)
        elif _malformed(entry.text):
            text = f"{quoted(entry.text)} holds a variable that is not closed, or has no name"
            yield _error("variable", statement, text, entry)
    for entry in statement.resources or ():
        if policy.variables and _early(entry.text):
            text = f"{quoted(entry.text)} has a variable before the fifth colon, where AWS allows none"
            yield _warning("variable", statement, text, entry)
    others: tuple[Entry | PrincipalEntry, ...] = (*statement.actions, *(statement.principals or ()))
    for other in others:
        if "${" in other.text:
            text = f"{quoted(other.text)}: variables count in resources and condition values only"
            yield _error("variable", statement, text, other)


def _malformed(text: str) -> bool:
    parts = pieces(text)
    unclosed = any("${" in part.text for part in parts if not isinstance(part, Variable))
    return unclosed or any(isinstance(part, Variable) and (not part.key or " " in part.key) for part in parts)


def _early(text: str) -> bool:
    """Whether an ARN has a variable before its fifth colon."""
    parts = pieces(text)
    first = next((at for at, part in enumerate(parts) if isinstance(part, Variable)), None)
    return first is not None and text.startswith("arn:") and _text(parts[:first]).count(":") < 5


def _text(parts: tuple[Piece, ...]) -> str:
    return "".join(part.text for part in parts if not isinstance(part, Variable))


def _idle_findings(policy: Policy, statement: Statement, database: ActionDatabase) -> Iterator[Finding]:
    other = idle_because_of(policy, statement, database)
    if other is None:
        return
    name = f"statement {other.index}" + (f" ({plain(other.sid)})" if other.sid else "")
    if other.effect is statement.effect:
        yield _warning("redundant", statement, f"{name} already covers everything this statement does", statement)
    else:
        yield _error("unreachable", statement, f"{name} denies everything this statement allows", statement)


def _sid_findings(policy: Policy) -> Iterator[Finding]:
    sids = Counter(statement.sid for statement in policy.statements if statement.sid)
    identity = all(statement.principals is None for statement in policy.statements)
    for statement in policy.statements:
        if statement.sid and sids[statement.sid] > 1:
            yield _error("sid", statement, f"the Sid {quoted(statement.sid)} is used more than once", statement)
        if statement.sid and identity and not re.fullmatch(r"[A-Za-z0-9]*", statement.sid):
            text = f"the Sid {quoted(statement.sid)} may hold letters and digits only in an identity policy"
            yield _error("sid", statement, text, statement)


_Placed = Entry | PrincipalEntry | ConditionTest | Statement


def _error(code: str, statement: Statement, message: str, at: _Placed) -> Finding:
    return Finding(code, "error", statement.index, message, at.span)


def _warning(code: str, statement: Statement, message: str, at: _Placed) -> Finding:
    return Finding(code, "warning", statement.index, message, at.span)
