"""The policy document as the engines see it: typed, immutable, every piece with its place in the source.

Follows the IAM JSON policy grammar (IAM User Guide, "Grammar of the IAM JSON policy language").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from opswright.nouns import Json


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of character offsets in the source, with the 1-based line and column of its start."""

    start: int = 0
    end: int = 0
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


NOWHERE = Span()


class Effect(StrEnum):
    """What a matching statement does."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Entry:
    """One string of a list-valued element: an action pattern, a resource pattern, a condition value."""

    text: str
    span: Span = field(default=NOWHERE, compare=False)


PrincipalKind = Literal["*", "AWS", "Service", "Federated", "CanonicalUser"]


@dataclass(frozen=True, slots=True)
class PrincipalEntry:
    """One principal; kind `*` is the bare string "*"."""

    kind: PrincipalKind
    text: str
    span: Span = field(default=NOWHERE, compare=False)


Quantifier = Literal["ForAnyValue", "ForAllValues"]


@dataclass(frozen=True, slots=True)
class ConditionTest:
    """One operator applied to one key. `operator`: AWS's spelling without qualifier and IfExists; `key`: as written."""

    operator: str
    key: str
    values: tuple[Entry, ...]
    quantifier: Quantifier | None = None
    if_exists: bool = False
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `resources` or `principals` None: the element is absent (every request matches it)."""

    index: int
    effect: Effect
    actions: tuple[Entry, ...]
    not_action: bool = False
    resources: tuple[Entry, ...] | None = None
    not_resource: bool = False
    principals: tuple[PrincipalEntry, ...] | None = None
    not_principal: bool = False
    conditions: tuple[ConditionTest, ...] = ()
    sid: str | None = None
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """One document. In Version 2008-10-17 (the default) `${...}` is literal text."""

    statements: tuple[Statement, ...]
    version: str = "2008-10-17"
    source: str = field(default="", compare=False, repr=False)
    value: Json = field(default=None, compare=False, repr=False)  # the plain JSON value it was read from

    @property
    def variables(self) -> bool:
        return self.version == "2012-10-17"


@dataclass(frozen=True, slots=True)
class Request:
    """One concrete request. Context keys are lower case (AWS compares them so); no value is an absent key.

    A request without a principal is judged without the principal elements of the policy.
    """

    action: str
    resource: str
    principal: str | None = None
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
