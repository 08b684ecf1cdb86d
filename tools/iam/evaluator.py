"""Decides one concrete request against one policy document.

IAM User Guide, "Policy evaluation logic": an explicit deny wins over any allow, no matching statement is an implicit
deny. A statement matches when its action, resource, principal and every condition do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from opswright.tools.iam import globs, variables
from opswright.tools.iam.conditions import ContextTest, lower_test
from opswright.tools.iam.document import Effect, Entry, Policy, Request, Statement
from opswright.tools.iam.principals import lower_principals

DecisionOutcome = Literal["allow", "explicit_deny", "implicit_deny"]
RequestTest = Callable[[Request], bool]


@dataclass(frozen=True, slots=True)
class Decision:
    """`statements`: indices of the statements that decided; empty for an implicit deny."""

    outcome: DecisionOutcome
    statements: tuple[int, ...] = ()

    @property
    def allowed(self) -> bool:
        return self.outcome == "allow"


_IMPLICIT = Decision("implicit_deny")


def decide(policy: Policy, request: Request) -> Decision:
    """Allow, explicit deny or implicit deny, with every statement that decided.

    Raises InputError when an operator without a set qualifier meets several values of its key.
    """
    action = request.action.lower()
    allows: list[int] = []
    denies: list[int] = []
    for lowered in _lower_policy(policy):
        if lowered.matches(action, request):
            (allows if lowered.allow else denies).append(lowered.index)
    if denies:
        return Decision("explicit_deny", tuple(denies))
    return Decision("allow", tuple(allows)) if allows else _IMPLICIT


def statement_matches(policy: Policy, statement: Statement, request: Request) -> bool:
    """Whether the statement, read with the policy's Version, applies to the request."""
    return _lower_statement(statement, policy.variables).matches(request.action.lower(), request)


def mismatches(policy: Policy, statement: Statement, request: Request) -> tuple[str, ...]:
    """Names of the statement's elements that do not match, as they stand in the document (`Action`, `NotResource`,
    `Condition`); empty when the statement applies."""
    lowered = _lower_statement(statement, policy.variables)
    found = []
    if lowered.actions(request.action.lower()) == lowered.not_action:
        found.append("NotAction" if lowered.not_action else "Action")
    if lowered.resource is not None and not lowered.resource(request):
        found.append("NotResource" if statement.not_resource else "Resource")
    if lowered.principal is not None and request.principal is not None and not lowered.principal(request):
        found.append("NotPrincipal" if statement.not_principal else "Principal")
    if not all(condition(request.context) for condition in lowered.conditions):
        found.append("Condition")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Lowered:
    """A statement as functions, prepared once."""

    index: int
    allow: bool
    actions: globs.Test
    not_action: bool
    resource: RequestTest | None
    principal: RequestTest | None
    conditions: tuple[ContextTest, ...]

    def matches(self, action: str, request: Request) -> bool:
        if self.actions(action) == self.not_action:
            return False
        if self.resource is not None and not self.resource(request):
            return False
        if self.principal is not None and request.principal is not None and not self.principal(request):
            return False
        return all(condition(request.context) for condition in self.conditions)


# Keyed by identity: hashing a whole policy would cost more than deciding. The policy is kept beside its lowered form,
# so that its id cannot pass to another object meanwhile.
_RECENT: dict[int, tuple[Policy, tuple[_Lowered, ...]]] = {}
_RECENT_LIMIT = 256


def _lower_policy(policy: Policy) -> tuple[_Lowered, ...]:
    known = _RECENT.get(id(policy))
    if known is not None and known[0] is policy:
        return known[1]
    lowered = tuple(_lower_statement(statement, policy.variables) for statement in policy.statements)
    if len(_RECENT) >= _RECENT_LIMIT:
        _RECENT.clear()
    _RECENT[id(policy)] = (policy, lowered)
    return lowered


@lru_cache(maxsize=8192)
def _lower_statement(statement: Statement, with_variables: bool) -> _Lowered:
    return _Lowered(
        index=statement.index,
        allow=statement.effect is Effect.ALLOW,
        actions=_any_of(tuple(entry.text.lower() for entry in statement.actions)),
        not_action=statement.not_action,
        resource=_resource_test(statement.resources, statement.not_resource, with_variables),
        principal=_principal_test(statement),
        conditions=tuple(lower_test(test, with_variables) for test in statement.conditions),
    )


@lru_cache(maxsize=8192)
def _any_of(patterns: tuple[str, ...]) -> globs.Test:
    """Whether a text matches any pattern: one set for the literal ones, one prefix test, the rest one by one."""
    if len(patterns) == 1:
        return globs.matcher(patterns[0])
    literals = frozenset(pattern for pattern in patterns if not globs.is_glob(pattern))
    prefixes = tuple(p[:-1] for p in patterns if p.endswith("*") and not globs.is_glob(p[:-1]))
    rest = tuple(
        globs.matcher(p) for p in patterns if p not in literals and not (p.endswith("*") and p[:-1] in prefixes)
    )
    if not prefixes and not rest:
        return literals.__contains__

    def test(text: str) -> bool:
        return text in literals or text.startswith(prefixes) or any(one(text) for one in rest)

    return test


def _resource_test(resources: tuple[Entry, ...] | None, negated: bool, with_variables: bool) -> RequestTest | None:
    if resources is None:
        return None
    texts = tuple(entry.text for entry in resources)
    open_texts = tuple(text for text in texts if with_variables and variables.has_variables(text))
    closed = tuple(text for text in texts if text not in open_texts)
    fixed = _any_of(closed) if closed else None
    if not open_texts and fixed is not None:
        if negated:
            return lambda request: not fixed(request.resource)
        return lambda request: fixed(request.resource)

    def test(request: Request) -> bool:
        found = fixed is not None and fixed(request.resource)
        found = found or any(
            variables.pattern_matches(text, request.resource, request.context, True) for text in open_texts
        )
        return found != negated

    return test


def _principal_test(statement: Statement) -> RequestTest | None:
    if statement.principals is None:
        return None
    named = lower_principals(statement.principals)
    negated = statement.not_principal
    return lambda request: named(request.principal or "") != negated
