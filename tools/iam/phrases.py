"""Statements in plain English: who may or may not do what, on what, and when."""

from opswright.tools.iam.actions import ActionDatabase
from opswright.tools.iam.document import ConditionTest, Effect, PrincipalEntry, Statement
from opswright.tools.iam.globs import is_glob
from opswright.tools.iam.operators import OPERATORS
from opswright.tools.iam.words import plain

_SHOWN = 6  # of a long list; the rest is counted

_ANYONE = "anyone, even without signing in,"

_VERBS = {
    "StringEquals": ("is", "is not"),
    "StringEqualsIgnoreCase": ("is (in any case)", "is not (in any case)"),
    "StringLike": ("matches", "does not match"),
    "NumericEquals": ("equals", "does not equal"),
    "NumericLessThan": ("is below", ""),
    "NumericLessThanEquals": ("is at most", ""),
    "NumericGreaterThan": ("is above", ""),
    "NumericGreaterThanEquals": ("is at least", ""),
    "DateEquals": ("is exactly", "is not exactly"),
    "DateLessThan": ("is before", ""),
    "DateLessThanEquals": ("is at or before", ""),
    "DateGreaterThan": ("is after", ""),
    "DateGreaterThanEquals": ("is at or after", ""),
    "Bool": ("is", ""),
    "BinaryEquals": ("is (base64)", ""),
    "IpAddress": ("is within", "is outside"),
    "ArnEquals": ("matches", "does not match"),
    "ArnLike": ("matches", "does not match"),
}


def listed(texts: list[str], joint: str = "or") -> str:
    """`a, b or c`; a long list is cut and counted."""
    texts = [plain(text) for text in texts]
    if len(texts) > _SHOWN + 1:
        texts = [*texts[:_SHOWN], f"{len(texts) - _SHOWN} more"]
    return f"{', '.join(texts[:-1])} {joint} {texts[-1]}" if len(texts) > 1 else "".join(texts)


def who(statement: Statement) -> str:
    """The principals a statement speaks of."""
    if statement.principals is None:
        return "whoever the policy is attached to"
    names = listed([_principal(entry) for entry in statement.principals])
    return f"everyone except {names}" if statement.not_principal else names


def _principal(entry: PrincipalEntry) -> str:
    if entry.text == "*" and entry.kind in ("*", "AWS"):
        return _ANYONE
    if entry.kind == "AWS" and (entry.text.endswith(":root") or entry.text.isdigit()):
        return f"any principal of account {entry.text.split(':')[4] if ':' in entry.text else entry.text}"
    if entry.kind == "Service":
        return f"the service {entry.text}"
    if entry.kind == "Federated":
        return f"users federated through {entry.text}"
    return entry.text


def what(statement: Statement, database: ActionDatabase) -> str:
    """The actions a statement speaks of, in AWS's spelling; wildcards with the number of actions they stand for."""
    names = listed([_action(entry.text, database) for entry in statement.actions], "and")
    return f"any action except {names}" if statement.not_action else names


def _action(text: str, database: ActionDatabase) -> str:
    if text.strip("*") == "":
        return "any action"
    if is_glob(text):
        count = len(database.matching(text))
        return f"{text} ({count} {'action' if count == 1 else 'actions'})"
    return database.spelled(text)


def on(statement: Statement) -> str:
    """The resources a statement speaks of."""
    if statement.resources is None:
        return "the resource the policy is attached to"
    if all(entry.text.strip("*") == "" for entry in statement.resources) and not statement.not_resource:
        return "any resource"
    names = listed([entry.text or "(an empty name)" for entry in statement.resources], "and")
    return f"any resource except {names}" if statement.not_resource else names


def when(test: ConditionTest) -> str:
    """One test of the condition block."""
    operator = OPERATORS[test.operator]
    texts = [entry.text if entry.text else '""' for entry in test.values]
    if operator.family == "null":
        wanted = {text.lower() for text in texts}
        state = "absent or present" if len(wanted) > 1 else "absent" if "true" in wanted else "present"
        return f"{plain(test.key)} is {state}"
    verb = _VERBS[operator.positive][operator.negated]
    values = listed(texts, "and" if operator.negated else "or")
    if operator.negated and len(texts) > 1:
        verb += " any of"
    if test.quantifier == "ForAllValues":
        return f"every value of {plain(test.key)} {verb} {values} (also when there is none)"
    if test.quantifier == "ForAnyValue":
        tail = ", or there is none" if test.if_exists else ""
        return f"some value of {plain(test.key)} {verb} {values}{tail}"
    return f"{plain(test.key)} {verb} {values}{', or is absent' if test.if_exists or operator.negated else ''}"


def sentence(statement: Statement, database: ActionDatabase) -> str:
    """The whole statement in one sentence."""
    subject, may = who(statement), "may"
    if statement.effect is Effect.DENY:
        subject, may = ("nobody", "may") if subject == _ANYONE else (subject, "may never")
    text = f"{subject} {may} do {what(statement, database)} on {on(statement)}"
    if statement.conditions:
        text += ", when " + " and ".join(when(test) for test in statement.conditions)
    return text[0].upper() + text[1:] + "."
