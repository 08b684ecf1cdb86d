"""Requests that can occur in AWS: a known action, a resource of a type it takes, context keys it carries.

Everything here is drawn near given statements: from one that matches in every element, or in all but one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from opswright.evals.policy.drawing.contexts import draw_context, single_keys
from opswright.evals.policy.drawing.principals import has_principals, named_by, near, stranger
from opswright.evals.policy.drawing.text import ACCOUNTS, instance, meet, word
from opswright.evals.policy.faults.statement import REGIONS, is_region
from opswright.tools.iam import globs
from opswright.tools.iam.actions import ActionDatabase, ResourceType
from opswright.tools.iam.document import Policy, Request, Statement

NEATER = 3  # draws of one resource, of which the first without empty components is taken
BYSTANDERS = 0.3  # share of requests that carry a context key nobody asked for
EVERYDAY_KEYS = {
    "aws:sourceip": ("10.20.30.40", "198.51.100.7"),
    "aws:securetransport": ("true",),
    "aws:multifactorauthpresent": ("true", "false"),
    "aws:principalorgid": ("o-exampleorg1",),
    "aws:requestedregion": REGIONS[:2],
}
_BUCKET = "arn:*:s3:::*"
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}|<[^>]*>")
# Global keys with several values (IAM User Guide, "AWS global condition context keys"); all others have one.
MULTIVALUED_GLOBALS = (
    *("aws:tagkeys", "aws:calledvia", "aws:principalservicenameslist"),
    *("aws:principalorgpaths", "aws:sourceorgpaths", "aws:resourceorgpaths"),
)


def takes(kind: ResourceType, resource: str) -> bool:
    """Whether a resource is of a type, component by component, no placeholder empty.

    A bucket's name has no slash, which the template alone does not say.
    """
    wanted, given = kind.glob.split(":", 5), resource.split(":", 5)
    if len(wanted) != len(given):
        return False
    if not all(globs.matches(part.replace("*", "?*"), text) for part, text in zip(wanted, given, strict=True)):
        return False
    return kind.glob != _BUCKET or "/" not in resource


def key_shape(actions: ActionDatabase, action: str, key: str) -> bool | None:
    """Of a context key (lower case) in a request for an action: None cannot be there, False one value, True a set."""
    if key.startswith("aws:"):
        return key in MULTIVALUED_GLOBALS
    for name, kind in actions.condition_keys(action).items():
        if name == key or globs.matches(_PLACEHOLDER.sub("?*", name), key):
            return kind.multivalued
    return True if key.endswith(":aud") or key.endswith(":amr") else None


def can_occur(actions: ActionDatabase, request: Request) -> bool:
    """Whether AWS could ever be asked this: known action, a resource it takes, keys it carries, one value where one."""
    if not actions.knows(request.action):
        return False
    kinds = actions.types(request.action)
    if not (any(takes(kind, request.resource) for kind in kinds) if kinds else request.resource == "*"):
        return False
    shapes = {key: key_shape(actions, request.action, key) for key in request.context}
    return all(shape is not None and (shape or len(request.context[key]) == 1) for key, shape in shapes.items())


@dataclass(frozen=True)
class Place:
    """A statement to draw near, with the policy whose Version reads it."""

    policy: Policy
    statement: Statement


class RequestSource:
    """Draws requests near statements of a case: its true policy and the faulty one."""

    def __init__(self, policies: Sequence[Policy], actions: ActionDatabase, rng: Random) -> None:
        self._actions = actions
        self._rng = rng
        self._single = single_keys(policies)
        self._principals = any(has_principals(policy) for policy in policies)
        statements = [statement for policy in policies for statement in policy.statements]
        self._tested = {test.key.lower() for statement in statements for test in statement.conditions}
        names = [entry.text for statement in statements for entry in statement.actions]
        self._services = sorted({name.split(":", 1)[0].lower() for name in names if ":" in name})
        arns = [
            entry.text.split(":", 5) for s in statements for entry in s.resources or () if entry.text.count(":") > 4
        ]
        self._regions = [*sorted({arn[3] for arn in arns if is_region(arn[3])}), *REGIONS]
        self._accounts = [*sorted({arn[4] for arn in arns if re.fullmatch(r"\d{12}", arn[4])}), *ACCOUNTS]

    def draw(self, places: Sequence[Place], miss_share: float = 0.5) -> Request | None:
        """One request near one of the places; None when this draw came to nothing that can occur."""
        place = self._rng.choice(places)
        miss = self._missed(place.statement) if self._rng.random() < miss_share else None
        action = self._action(place.statement, inside=miss != "action")
        if action is None:
            return None
        context = draw_context(
            place.statement,
            place.policy.variables,
            self._rng,
            miss=miss == "context",
            shape=lambda key: (
                None if (s := key_shape(self._actions, action, key)) is None else s and key not in self._single
            ),
        )
        if context is None:
            return None
        resource = self._resource(place, action, context, inside=miss != "resource")
        if resource is None:
            return None
        principal = self._principal(place.statement, inside=miss != "principal") if self._principals else None
        if self._rng.random() < BYSTANDERS:
            context = {**self._bystander(action, resource), **context}
        request = Request(self._actions.spelled(action), resource, principal, context)
        return request if can_occur(self._actions, request) else None

    def _bystander(self, action: str, resource: str) -> dict[str, tuple[str, ...]]:
        """One more key that such a request carries, whether or not the policy asks for it."""
        part = resource.split(":", 5)
        everyday = dict(EVERYDAY_KEYS)
        if len(part) == 6 and is_region(part[3]):
            everyday["aws:requestedregion"] = (part[3],)
        own = {
            name: ("true" if kind.type == "Bool" else word(self._rng))
            for name, kind in self._actions.condition_keys(action).items()
            if kind.type in ("String", "Bool") and not _PLACEHOLDER.search(name) and name not in self._tested
        }
        pool = {key: self._rng.choice(values) for key, values in everyday.items()} | own
        key = self._rng.choice(sorted(pool))
        return {key: (pool[key],)}

    def _missed(self, statement: Statement) -> str:
        ways = ["action"]
        if statement.resources and any(entry.text != "*" for entry in statement.resources):
            ways += ["resource", "resource"]
        if statement.conditions:
            ways += ["context", "context"]
        if statement.principals and any(entry.text != "*" for entry in statement.principals):
            ways += ["principal", "principal"]
        return self._rng.choice(ways)

    def _action(self, statement: Statement, inside: bool) -> str | None:
        named = [name for entry in statement.actions for name in self._some(entry.text)]
        if inside != statement.not_action:
            return self._rng.choice(named) if named else None
        services = sorted({name.split(":", 1)[0] for name in named}) or self._services
        if not services:
            return None
        tested = [globs.matcher(entry.text.lower()) for entry in statement.actions]
        others = self._actions.matching(self._rng.choice(services) + ":*")
        for name in self._rng.sample(others, min(len(others), 12)):
            if not any(test(name) for test in tested):
                return name
        return None

    def _some(self, pattern: str) -> Sequence[str]:
        """A few of the actions an entry names, so that a wide one does not drown the others."""
        found = self._actions.matching(pattern)
        return found if len(found) <= 3 else self._rng.sample(found, 3)

    def _resource(self, place: Place, action: str, context: dict[str, tuple[str, ...]], inside: bool) -> str | None:
        """A resource the action takes, inside or outside the statement's resource element."""
        kinds = list(self._actions.types(action))
        if not kinds:
            return "*"
        patterns = [
            text
            for entry in place.statement.resources or ()
            if (text := instance(entry.text, place.policy.variables, context, self._rng)) is not None
        ]
        if not patterns:
            return self._of_type(self._rng.choice(kinds), "*")
        if inside != place.statement.not_resource:
            return self._meeting(kinds, patterns)
        for _ in range(4):
            found = self._missing(kinds, patterns)
            if found and not any(globs.matches(pattern, found) for pattern in patterns):
                return found
        return None

    def _meeting(self, kinds: list[ResourceType], patterns: list[str]) -> str | None:
        for pattern in self._rng.sample(patterns, min(len(patterns), 4)):
            for kind in self._rng.sample(kinds, len(kinds)):
                found = self._of_type(kind, pattern)
                if found is not None:
                    return found
        return None

    def _missing(self, kinds: list[ResourceType], patterns: list[str]) -> str | None:
        """A resource close to one inside: another account, region or name, or a neighbour of the same type."""
        found = self._meeting(kinds, patterns)
        if found is None or self._rng.random() < 0.2:
            return self._of_type(self._rng.choice(kinds), "*")
        parts = found.split(":", 5)
        ways = [5, 5]
        ways += [3] if is_region(parts[3]) else []
        ways += [4] if re.fullmatch(r"\d{12}", parts[4]) else []
        at = self._rng.choice(ways)
        new = {3: self._rng.choice(self._regions), 4: self._rng.choice(self._accounts), 5: self._other_name(parts[5])}
        changed = ":".join([*parts[:at], new[at], *parts[at + 1 :]])
        return changed if any(takes(kind, changed) for kind in kinds) else None

    def _other_name(self, name: str) -> str:
        """A sibling: one component of the name replaced or changed at its end."""
        parts = re.split(r"([/:])", name)
        at = self._rng.choice(range(0, len(parts), 2))
        parts[at] = self._rng.choice((parts[at] + "-old", parts[at][:-1] or "x", "other", "x" + parts[at]))
        return "".join(parts)

    def _of_type(self, kind: ResourceType, pattern: str) -> str | None:
        """A resource of a type that meets a pattern, with a real partition, region and account where it has them."""
        template, given = kind.arn.split(":", 5), pattern.split(":", 5)
        if len(template) < 6:
            return None
        drawn = [self._drawn(template, given, pattern) for _ in range(NEATER)]
        fitting = [text for text in drawn if text is not None and takes(kind, text)]
        return min(fitting, key=lambda text: "//" in text or text[-1] in "/:") if fitting else None

    def _drawn(self, template: Sequence[str], given: Sequence[str], pattern: str) -> str | None:
        if len(given) < 6:  # `*`, or a pattern whose `*` crosses the colons
            return meet(pattern, ":".join(self._located(template, ["*"] * 6)), self._rng)
        parts = [meet(*pair, self._rng) for pair in zip(given, self._located(template, given), strict=True)]
        return ":".join(part or "" for part in parts) if None not in parts else None

    def _located(self, template: Sequence[str], given: Sequence[str]) -> list[str]:
        """A type's template as globs, its partition, region and account as the pattern says or drawn."""
        parts = list(template)
        for at, pool in ((1, ["aws"]), (3, self._regions), (4, self._accounts)):
            if parts[at].startswith("${"):
                fitting = [place for place in pool if globs.matches(given[at], place)]
                parts[at] = self._rng.choice(fitting) if fitting else given[at]
        return [_PLACEHOLDER.sub("*", part) for part in parts]

    def _principal(self, statement: Statement, inside: bool) -> str:
        if not statement.principals:
            return stranger(self._rng)
        entry = self._rng.choice(statement.principals)
        return named_by(entry, self._rng) if inside != statement.not_principal else near(entry, self._rng)
