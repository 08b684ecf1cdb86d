"""Explains a policy to a person: what each statement does, what is odd about it, and why a request was decided so."""

from dataclasses import dataclass

from opswright.nouns import Json
from opswright.tools.iam import phrases
from opswright.tools.iam.actions import ActionDatabase, load
from opswright.tools.iam.conditions import condition_holds
from opswright.tools.iam.document import Policy, Request, Span, Statement
from opswright.tools.iam.evaluator import Decision, decide, mismatches
from opswright.tools.iam.findings import Finding, findings
from opswright.tools.iam.words import plain


@dataclass(frozen=True, slots=True)
class StatementAccount:
    """One statement in plain English, whole and in parts."""

    index: int
    sid: str | None
    effect: str
    who: str
    what: str
    on: str
    when: tuple[str, ...]
    sentence: str
    span: Span

    def to_json(self) -> dict[str, Json]:
        return {
            "statement": self.index,
            "sid": self.sid,
            "effect": self.effect,
            "who": self.who,
            "what": self.what,
            "on": self.on,
            "when": list(self.when),
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """A whole policy."""

    statements: tuple[StatementAccount, ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Json]:
        return {
            "statements": [account.to_json() for account in self.statements],
            "findings": [finding.to_json() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class ElementAccount:
    """How one element of a statement met the request."""

    element: str
    matches: bool
    detail: str


@dataclass(frozen=True, slots=True)
class RequestAccount:
    """Why a request was decided so: for each statement its elements, those that fail first in `blocked_by`."""

    decision: Decision
    summary: str
    statements: tuple[tuple[int, bool, tuple[ElementAccount, ...]], ...]

    def to_json(self) -> dict[str, Json]:
        return {
            "outcome": self.decision.outcome,
            "summary": self.summary,
            "statements": [
                {
                    "statement": index,
                    "matches": matches,
                    "elements": [{"element": e.element, "matches": e.matches, "detail": e.detail} for e in elements],
                }
                for index, matches, elements in self.statements
            ],
        }


def explain(policy: Policy, database: ActionDatabase | None = None) -> Explanation:
    """Every statement in plain English, and the findings. Reads the action database when none is given."""
    database = database or load()
    accounts = tuple(_account(statement, database) for statement in policy.statements)
    return Explanation(accounts, findings(policy, database))


def _account(statement: Statement, database: ActionDatabase) -> StatementAccount:
    return StatementAccount(
        statement.index,
        statement.sid,
        statement.effect.value,
        phrases.who(statement),
        phrases.what(statement, database),
        phrases.on(statement),
        tuple(phrases.when(test) for test in statement.conditions),
        phrases.sentence(statement, database),
        statement.span,
    )


def explain_request(policy: Policy, request: Request, database: ActionDatabase | None = None) -> RequestAccount:
    """Why the policy decides the request as it does, element by element."""
    database = database or load()
    decision = decide(policy, request)
    accounts = []
    for statement in policy.statements:
        failed = set(mismatches(policy, statement, request))
        elements = tuple(_elements(policy, statement, request, failed, database))
        accounts.append((statement.index, not failed, elements))
    return RequestAccount(decision, _summary(policy, request, decision, database), tuple(accounts))


def _summary(policy: Policy, request: Request, decision: Decision, database: ActionDatabase) -> str:
    action = plain(database.spelled(request.action))
    named = phrases.listed([_name(policy.statements[index]) for index in decision.statements], "and")
    if decision.outcome == "allow":
        return f"{action} on {plain(request.resource)} is allowed by {named}."
    if decision.outcome == "explicit_deny":
        return f"{action} on {plain(request.resource)} is denied by {named}."
    return f"{action} on {plain(request.resource)} is denied: no statement allows it."


def _name(statement: Statement) -> str:
    return f"statement {statement.index}" + (f" ({plain(statement.sid)})" if statement.sid else "")


def _elements(
    policy: Policy, statement: Statement, request: Request, failed: set[str], database: ActionDatabase
) -> list[ElementAccount]:
    action = "NotAction" if statement.not_action else "Action"
    rows = [_element(action, failed, database.spelled(request.action), phrases.what(statement, database))]
    if statement.resources is not None:
        name = "NotResource" if statement.not_resource else "Resource"
        rows.append(_element(name, failed, request.resource, phrases.on(statement)))
    if statement.principals is not None:
        name = "NotPrincipal" if statement.not_principal else "Principal"
        rows.append(_element(name, failed, request.principal or "(no principal given)", phrases.who(statement)))
    for test in statement.conditions:
        holds = condition_holds(test, request, policy.variables)
        given = request.context.get(test.key.lower(), ())
        shown = ", ".join(given) if given else "absent"
        rows.append(ElementAccount("Condition", holds, f"{phrases.when(test)}: {plain(test.key)} is {plain(shown)}"))
    return rows


def _element(name: str, failed: set[str], given: str, wanted: str) -> ElementAccount:
    matches = name not in failed
    return ElementAccount(name, matches, f"{plain(given)} {'is' if matches else 'is not'} among {wanted}")
