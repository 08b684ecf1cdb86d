"""What a repair changed: statements and elements counted, new access listed with examples, size limits watched."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from opswright.agents.policy.proofs import policy_of, request_json
from opswright.nouns import Json
from opswright.tools.iam.compare import beyond, new_access
from opswright.tools.iam.document import Effect, Policy, Statement

# IAM User Guide, "IAM and AWS STS quotas"; S3 User Guide, "Bucket policies". White space does not count for IAM.
MANAGED_LIMIT, ROLE_INLINE_LIMIT, BUCKET_LIMIT = 6144, 10240, 20480

_ELEMENTS = (
    ("Sid",),
    ("Effect",),
    ("Principal", "NotPrincipal"),
    ("Action", "NotAction"),
    ("Resource", "NotResource"),
    ("Condition",),
)


@dataclass(frozen=True)
class Changes:
    """How much of the original a repair touched: statements added, removed or edited, and elements of them."""

    statements: int
    elements: int


def statement_values(value: Json) -> list[Json]:
    """A document's statements as a list, also where a lone statement stands as an object."""
    found = value["Statement"]
    return list(found) if isinstance(found, list) else [found]


def changes(old: Policy, new: Policy) -> Changes:
    """The least number of statements, then elements, in which two documents differ (statements keep their order)."""
    before, after = statement_values(old.value), statement_values(new.value)
    # Edit distance over statements: a pair costs one statement and its differing elements, order as it stands.
    row = [(j, sum(_size(one) for one in after[:j])) for j in range(len(after) + 1)]
    for i, mine in enumerate(before, 1):
        last, row = row, [(i, sum(_size(one) for one in before[:i]))]
        for j, theirs in enumerate(after, 1):
            apart = _apart(mine, theirs)
            row.append(
                min(
                    _plus(last[j - 1], (bool(apart), apart)),
                    _plus(last[j], (1, _size(mine))),
                    _plus(row[j - 1], (1, _size(theirs))),
                )
            )
    return Changes(*row[-1])


def _plus(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def _size(statement: Json) -> int:
    return sum(any(name in statement for name in names) for names in _ELEMENTS)


def _apart(one: Json, other: Json) -> int:
    if one == other:
        return 0
    return sum({n: one.get(n) for n in names} != {n: other.get(n) for n in names} for names in _ELEMENTS)


def new_grants(old: Policy, new: Policy) -> Iterator[dict[str, Json]]:
    """Every changed statement through which the new policy allows something the old did not, with an example.

    An Allow is looked at alone under the new policy's denies; a Deny that was removed or narrowed is compared with the
    same policy still having it.
    """
    kept = set(map(_bare, old.statements))
    remaining = set(map(_bare, new.statements))
    denies = [statement for statement in new.statements if statement.effect is Effect.DENY]
    for statement in new.statements:
        if statement.effect is Effect.ALLOW and _bare(statement) not in kept:
            alone = policy_of([statement, *denies], new.version)
            yield from _listed(statement.index, "allows", beyond(alone, [old]).witness, new)
    for statement in old.statements:
        if statement.effect is Effect.DENY and _bare(statement) not in remaining:
            guarded = policy_of([*new.statements, statement], new.version)
            yield from _listed(statement.index, "no longer denies", new_access(new, guarded).witness, old)


def _bare(statement: Statement) -> Statement:
    return replace(statement, index=0, sid=None)


def _listed(index: int, how: str, witness: object, policy: Policy) -> Iterator[dict[str, Json]]:
    from opswright.tools.iam.document import Request

    if isinstance(witness, Request):
        shown = statement_values(policy.value)[index]
        yield {"statement": index + 1, "change": how, "as": shown, "example": request_json(witness)}


def size_warnings(value: Json, resource_based: bool) -> Iterator[str]:
    """The AWS quotas that the document passes."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    size = sum(not char.isspace() for char in text)
    if resource_based:
        bytes_ = len(json.dumps(value, ensure_ascii=False).encode())
        if bytes_ > BUCKET_LIMIT:
            yield f"{bytes_:,} bytes: a bucket policy may have {BUCKET_LIMIT:,}"
    elif size > ROLE_INLINE_LIMIT:
        yield f"{size:,} characters: more than a role's inline policies hold ({ROLE_INLINE_LIMIT:,})"
    elif size > MANAGED_LIMIT:
        inline = f"a role's inline policies {ROLE_INLINE_LIMIT:,}"
        yield f"{size:,} characters: a managed policy holds {MANAGED_LIMIT:,}, {inline}"
