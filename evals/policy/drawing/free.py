"""Requests near the patterns of some policies, without regard to what AWS can send: to catch a wrong proof."""

from collections.abc import Sequence
from random import Random
from typing import Protocol

from opswright.evals.policy.drawing.contexts import draw_context, single_keys
from opswright.evals.policy.drawing.principals import has_principals, named_by, near, stranger
from opswright.evals.policy.drawing.text import fill, instance, near_miss
from opswright.tools.iam import globs
from opswright.tools.iam.document import Policy, Request, Statement

ANY_RESOURCE = ("arn:aws:s3:::reports/alpha", "*")


class Actions(Protocol):
    """What a sampler must know of AWS's actions."""

    @property
    def names(self) -> Sequence[str]:
        """All known actions."""
        ...

    def matching(self, pattern: str) -> Sequence[str]:
        """Known actions a glob matches."""
        ...


class FreeSampler:
    """Draws requests that meet a random statement of the policies in every element, or in all but one."""

    def __init__(self, policies: Sequence[Policy], actions: Actions, rng: Random) -> None:
        self._actions = actions
        self._rng = rng
        self._places = [(policy, statement) for policy in policies for statement in policy.statements]
        self._single = single_keys(policies)
        self._principals = any(has_principals(policy) for policy in policies)
        self._services = sorted(
            {entry.text.split(":", 1)[0].lower() for _, s in self._places for entry in s.actions if ":" in entry.text}
        )
        self._matching: dict[str, Sequence[str]] = {}

    def draw(self) -> Request | None:
        """One request; None when this draw came to nothing."""
        if not self._places:
            return None
        policy, statement = self._rng.choice(self._places)
        miss = self._rng.choice((None, None, None, "action", "resource", "principal", "context"))
        context = draw_context(
            statement, policy.variables, self._rng, miss=miss == "context", shape=lambda key: key not in self._single
        )
        action = self._action(statement, inside=miss != "action")
        if context is None or action is None:
            return None
        resource = self._resource(policy, statement, context, inside=miss != "resource")
        principal = self._principal(statement, inside=miss != "principal") if self._principals else None
        return Request(action, resource, principal, context) if resource else None

    def sample(self, size: int) -> list[Request]:
        """`size` requests, fewer where the policies allow no more draws (each has four tries)."""
        drawn = (self.draw() for _ in range(4 * size))
        return [request for request in drawn if request is not None][:size]

    def _action(self, statement: Statement, inside: bool) -> str | None:
        if inside != statement.not_action:
            entry = self._rng.choice(statement.actions)
            found = self._known(entry.text) or ([] if globs.is_glob(entry.text) else [entry.text])
            return self._rng.choice(found) if found else None
        if self._services and self._rng.random() < 0.8:
            found = self._known(self._rng.choice(self._services) + ":*")
            if found:
                return self._rng.choice(found)
        return self._rng.choice(self._actions.names)

    def _known(self, pattern: str) -> Sequence[str]:
        if pattern not in self._matching:
            self._matching[pattern] = self._actions.matching(pattern)
        return self._matching[pattern]

    def _resource(self, policy: Policy, statement: Statement, context: dict[str, tuple[str, ...]], inside: bool) -> str:
        if not statement.resources:
            return self._rng.choice(ANY_RESOURCE)
        entry = self._rng.choice(statement.resources)
        text = instance(entry.text, policy.variables, context, self._rng) or entry.text
        filled = fill(text, self._rng)
        return filled if inside != statement.not_resource else near_miss(filled, self._rng)

    def _principal(self, statement: Statement, inside: bool) -> str:
        if not statement.principals:
            return stranger(self._rng)
        entry = self._rng.choice(statement.principals)
        return named_by(entry, self._rng) if inside != statement.not_principal else near(entry, self._rng)
