"""What stays fixed while one policy is repaired: its own words and style, the actions there are, earlier lessons."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from opswright.agents.policy.arn_patterns import Style
from opswright.tools.iam import actions, globs
from opswright.tools.iam.actions import ActionDatabase
from opswright.tools.iam.condition_keys import global_key
from opswright.tools.iam.document import ConditionTest, Effect, Policy, PrincipalEntry
from opswright.tools.iam.spec import Spec


@dataclass(frozen=True)
class Setting:
    """`favoured`: texts that earlier repairs of the organisation established; they break ties and permit nothing.
    `several`: context keys (lower case) that some request of the specification gives several values.
    `asked`: the actions of its requests.
    """

    policy: Policy
    known: ActionDatabase
    favoured: frozenset[str] = field(default_factory=frozenset)
    several: frozenset[str] = field(default_factory=frozenset)
    asked: tuple[str, ...] = ()

    @classmethod
    def of(cls, policy: Policy, spec: Spec, favoured: frozenset[str] = frozenset()) -> "Setting":
        """The setting of a policy and its specification. Reads the action database."""
        contexts = (item.request.context for item in spec.requests)
        several = frozenset(key for context in contexts for key, values in context.items() if len(values) > 1)
        asked = _once(item.request.action for item in spec.requests)
        return cls(policy, actions.load(), favoured, several, asked)

    @cached_property
    def resources(self) -> tuple[str, ...]:
        """Every resource entry of the policy, each once."""
        return _once(entry.text for statement in self.policy.statements for entry in statement.resources or ())

    @cached_property
    def style(self) -> Style:
        """How the policy writes resources."""
        return Style.of(self.resources)

    @cached_property
    def wild_actions(self) -> bool:
        """Whether the policy mostly writes actions with wildcards."""
        texts = [entry.text for statement in self.policy.statements for entry in statement.actions]
        return 2 * sum(text.endswith("*") for text in texts) > len(texts)

    @cached_property
    def unlisted(self) -> tuple[str, ...]:
        """Actions that the policy or the specification names and AWS does not list."""
        texts = [entry.text for statement in self.policy.statements for entry in statement.actions]
        named = (text for text in (*texts, *self.asked) if not globs.is_glob(text))
        return _once(text for text in named if not self.known.knows(text))

    @cached_property
    def principals(self) -> tuple[PrincipalEntry, ...]:
        """Every principal entry of the policy, each once."""
        found = (entry for statement in self.policy.statements for entry in statement.principals or ())
        return tuple(dict.fromkeys(found))

    @cached_property
    def resource_based(self) -> bool:
        """Whether statements name principals, so that a new one has to."""
        return any(statement.principals is not None for statement in self.policy.statements)

    @cached_property
    def grantee(self) -> tuple[PrincipalEntry, ...]:
        """Whom a required request without a principal may be granted to: those an Allow names already, or nobody."""
        for statement in self.policy.statements:
            if statement.effect is Effect.ALLOW and statement.principals and not statement.not_principal:
                return statement.principals
        return ()

    @cached_property
    def tests(self) -> tuple[ConditionTest, ...]:
        """Every condition test of the policy, each once."""
        return tuple(dict.fromkeys(test for statement in self.policy.statements for test in statement.conditions))

    def tested(self, name: str) -> bool:
        """Whether some condition of the policy tests the key."""
        return any(test.key.lower() == name.lower() for test in self.tests)

    def spelled_key(self, name: str, names: Iterable[str]) -> str:
        """A condition key as the policy spells it, else as AWS does for one of the actions, else as given."""
        lower = name.lower()
        for test in self.tests:
            if test.key.lower() == lower:
                return test.key
        shared = global_key(name)
        if shared is not None:
            return shared.name if not shared.name.endswith("/") else shared.name + name.partition("/")[2]
        for action in names:
            found = self.known.condition_keys(action).get(lower)
            if found is not None:
                return found.name
        return name

    def key_type(self, name: str, names: Iterable[str]) -> tuple[str, bool]:
        """A key's type in AWS's words, and whether it has several values."""
        lower = name.lower()
        shared = global_key(name)
        if shared is not None:
            return shared.type, shared.multivalued
        for action in names:
            found = self.known.condition_keys(action).get(lower)
            if found is not None:
                return found.type, found.multivalued
        return "String", False

    def templates(self, names: Iterable[str]) -> list[str]:
        """ARN templates of the resource types that some of the actions take."""
        return list(dict.fromkeys(kind.arn for action in names for kind in self.known.types(action)))


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
