"""The requests a repair is judged by, one bit each, and which of them every piece of a policy matches.

A piece (an action pattern, a resource pattern, a principal list, a condition test) becomes an integer whose bit i says
whether it matches request i. Statements are then conjunctions and policies disjunctions of integers, so that thousands
of candidate edits cost microseconds each. The masks are made with the evaluator's own tests, and whatever a search
finds is decided again by the evaluator before it counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from opswright.errors import InputError
from opswright.tools.iam import globs
from opswright.tools.iam.conditions import condition_holds
from opswright.tools.iam.document import (
    ConditionTest,
    Effect,
    Entry,
    Policy,
    PrincipalEntry,
    Request,
    Statement,
)
from opswright.tools.iam.evaluator import statement_matches
from opswright.tools.iam.variables import pattern_matches

ANY_ACTION = (Entry("*"),)


def bits(mask: int) -> Iterator[int]:
    """The positions of the set bits, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


@dataclass(frozen=True, slots=True)
class Row:
    """One statement of a draft with its masks: the four dimensions, each condition test, and all of it together."""

    statement: Statement
    actions: int
    resources: int
    principals: int
    conditions: int
    tests: tuple[int, ...]
    hits: int
    unread: int = 0  # requests that a test cannot be decided for: several values under an operator for one

    @property
    def allow(self) -> bool:
        return self.statement.effect is Effect.ALLOW

    def others(self, dimension: str) -> int:
        """The requests that every dimension but one matches."""
        mask = -1
        for name in ("actions", "resources", "principals", "conditions"):
            if name != dimension:
                mask &= getattr(self, name)
        return mask

    @property
    def at_most_one_off(self) -> int:
        """The requests that at least three of the four dimensions match."""
        a, r, p, c = self.actions, self.resources, self.principals, self.conditions
        return (a & r & (p | c)) | (p & c & (a | r))

    @property
    def at_most_two_off(self) -> int:
        """The requests that at least two of the four dimensions match."""
        a, r, p, c = self.actions, self.resources, self.principals, self.conditions
        return (a & (r | p | c)) | (r & (p | c)) | (p & c)


class Evidence:
    """Requests with their wanted outcome, and the masks of policy pieces over them (each made once).

    `allow` and `deny` are masks; a request is in exactly one of them. `policy` gives the Version to read pieces with.
    """

    def __init__(self, policy: Policy, wanted: Sequence[tuple[Request, bool]]) -> None:
        self.policy = policy
        self.requests = tuple(request for request, _ in wanted)
        self.full = (1 << len(wanted)) - 1
        self.allow = sum(1 << i for i, (_, allowed) in enumerate(wanted) if allowed)
        self.deny = self.full ^ self.allow
        self._by_action = _grouped([request.action.lower() for request in self.requests])
        self._by_resource = _grouped([request.resource for request in self.requests])
        self._rows: dict[int, Row] = {}
        self.action_mask = lru_cache(maxsize=None)(self._action_mask)
        self.resource_mask = lru_cache(maxsize=None)(self._resource_mask)
        self.principal_mask = lru_cache(maxsize=None)(self._principal_mask)
        self._read_test = lru_cache(maxsize=None)(self._test)

    def row(self, statement: Statement) -> Row:
        """The statement with its masks, made once."""
        known = self._rows.get(id(statement))
        if known is not None:
            return known
        actions = self._any(self.action_mask, statement.actions, statement.not_action)
        resources = self.full
        if statement.resources is not None:
            resources = self._any(self.resource_mask, statement.resources, statement.not_resource)
        principals = self.full
        if statement.principals is not None:
            principals = self.principal_mask(statement.principals, statement.not_principal)
        read = [self._read_test(test) for test in statement.conditions]
        tests = tuple(mask for mask, _ in read)
        conditions, unread = self.full, 0
        for mask, refused in read:
            conditions &= mask
            unread |= refused
        met = actions & resources & principals
        row = Row(statement, actions, resources, principals, conditions, tests, met & conditions, met & unread)
        self._rows[id(statement)] = row  # the row keeps the statement alive, so its id stays its own
        return row

    def actions(self, mask: int) -> list[str]:
        """The distinct actions of some requests, in their order, as the requests spell them."""
        return list(dict.fromkeys(self.requests[i].action for i in bits(mask)))

    def resources(self, mask: int) -> list[str]:
        """The distinct resources of some requests, in their order."""
        return list(dict.fromkeys(self.requests[i].resource for i in bits(mask)))

    def principals(self, mask: int) -> list[str]:
        """The distinct principals of some requests, in their order."""
        return list(dict.fromkeys(p for i in bits(mask) if (p := self.requests[i].principal) is not None))

    def values(self, mask: int, key: str) -> list[str]:
        """The distinct values that some requests give a context key, in their order."""
        return list(dict.fromkeys(v for i in bits(mask) for v in self.requests[i].context.get(key, ())))

    def with_key(self, mask: int, key: str) -> int:
        """Those of the requests whose context has the key."""
        return sum(1 << i for i in bits(mask) if self.requests[i].context.get(key))

    def keys(self, mask: int) -> list[str]:
        """Every context key that one of the requests has, sorted."""
        return sorted({key for i in bits(mask) for key, values in self.requests[i].context.items() if values})

    def _any(self, mask_of: object, entries: Sequence[Entry], negated: bool) -> int:
        mask = 0
        for entry in entries:
            mask |= mask_of(entry.text)  # type: ignore[operator]
        return self.full ^ mask if negated else mask

    def _action_mask(self, pattern: str) -> int:
        lower = pattern.lower()
        if not globs.is_glob(lower):
            return self._by_action.get(lower, 0)
        test = globs.matcher(lower)
        return sum(mask for action, mask in self._by_action.items() if test(action))

    def _resource_mask(self, pattern: str) -> int:
        if self.policy.variables and "${" in pattern:
            found = 0
            for i, request in enumerate(self.requests):
                found |= pattern_matches(pattern, request.resource, request.context, True) << i
            return found
        if not globs.is_glob(pattern):
            return self._by_resource.get(pattern, 0)
        test = globs.matcher(pattern)
        return sum(mask for resource, mask in self._by_resource.items() if test(resource))

    def _principal_mask(self, principals: tuple[PrincipalEntry, ...], negated: bool) -> int:
        bare = Statement(0, Effect.ALLOW, ANY_ACTION, principals=principals, not_principal=negated)
        return sum(1 << i for i, request in enumerate(self.requests) if statement_matches(self.policy, bare, request))

    def test_mask(self, test: ConditionTest) -> int:
        """The requests that meet a condition test."""
        return self._read_test(test)[0]

    def readable(self, test: ConditionTest) -> bool:
        """Whether the evaluator can decide the test for every request."""
        return not self._read_test(test)[1]

    def _test(self, test: ConditionTest) -> tuple[int, int]:
        """The requests that meet the test, and those that it cannot be decided for."""
        variables = self.policy.variables
        met = refused = 0
        for i, request in enumerate(self.requests):
            try:
                met |= condition_holds(test, request, variables) << i
            except InputError:
                refused |= 1 << i
        return met, refused


def _grouped(texts: Sequence[str]) -> dict[str, int]:
    masks: dict[str, int] = {}
    for i, text in enumerate(texts):
        masks[text] = masks.get(text, 0) | (1 << i)
    return masks
