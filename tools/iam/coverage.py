"""Which statement makes another one idle: everything it matches is matched there already.

A yes is certain (each element is compared by inclusion of patterns); a no may be wrong. The symbolic engine decides
exactly; this is for findings that must cost nothing.
"""

from opswright.tools.iam import globs
from opswright.tools.iam.actions import ActionDatabase
from opswright.tools.iam.document import Effect, Policy, Statement
from opswright.tools.iam.realism import any_value


def idle_because_of(policy: Policy, statement: Statement, database: ActionDatabase) -> Statement | None:
    """A statement that leaves this one without effect: a Deny over an Allow, or one of the same effect that covers it.

    Of two equal statements the later one is idle.
    """
    for other in policy.statements:
        if other is statement or (other.effect is Effect.ALLOW and statement.effect is Effect.DENY):
            continue
        same = other.effect is statement.effect
        if same and other.index > statement.index and covers(statement, other, database):
            continue
        if covers(other, statement, database):
            return other
    return None


def covers(outer: Statement, inner: Statement, database: ActionDatabase) -> bool:
    """Whether every request `inner` matches is matched by `outer`."""
    return (
        _conditions(outer, inner)
        and _principals(outer, inner)
        and _resources(outer, inner)
        and _actions(outer, inner, database)
    )


def _conditions(outer: Statement, inner: Statement) -> bool:
    return set(outer.conditions) <= set(inner.conditions)


def _principals(outer: Statement, inner: Statement) -> bool:
    if outer.principals is None:
        return True
    if inner.principals is None or outer.not_principal or inner.not_principal:
        return outer.principals == inner.principals and outer.not_principal == inner.not_principal
    everyone = any(entry.text == "*" and entry.kind in ("*", "AWS") for entry in outer.principals)
    return everyone or set(inner.principals) <= set(outer.principals)


def _resources(outer: Statement, inner: Statement) -> bool:
    if outer.resources is None:
        return True
    if inner.resources is None:
        return False
    wide, narrow = [[entry.text for entry in side] for side in (outer.resources, inner.resources)]
    if not outer.not_resource:
        if inner.not_resource:
            return "*" in wide
        return all(any(_includes(w, n) for w in wide) for n in narrow)
    if inner.not_resource:
        return all(any(_includes(n, w) for n in narrow) for w in wide)
    return not any(globs.overlap(any_value(w), any_value(n)) for w in wide for n in narrow)


def _includes(outer: str, inner: str) -> bool:
    """Inclusion of resource patterns: an inner variable can be anything, an outer one only the same text."""
    if "${" in outer:
        return outer == inner
    return globs.includes(outer, any_value(inner))


def _actions(outer: Statement, inner: Statement, database: ActionDatabase) -> bool:
    wide, narrow = [[entry.text.lower() for entry in side.actions] for side in (outer, inner)]
    if not outer.not_action and not inner.not_action:
        return all(any(globs.includes(w, n) for w in wide) for n in narrow) or _expanded(wide, narrow, database)
    if outer.not_action and inner.not_action:
        return all(any(globs.includes(n, w) for n in narrow) for w in wide)
    if outer.not_action:
        return not any(globs.overlap(w, n) for w in wide for n in narrow)
    return "*" in wide


def _expanded(wide: list[str], narrow: list[str], database: ActionDatabase) -> bool:
    """The same over the actions there are: `s3:Get*` and `s3:List*` cover what nothing but those two need."""
    names = {name for pattern in narrow for name in database.matching(pattern)}
    if any(not database.matching(pattern) for pattern in narrow):
        return False
    return names <= {name for pattern in wide for name in database.matching(pattern)}
