"""The floor that every repair must beat: an exact-point patch, and no repair at all.

The patch adds one statement for each request that is judged wrongly and generalises nothing. It satisfies almost any
set of requests and proves little; that is why it stands beside every row.
"""

import re
from collections.abc import Mapping, Sequence

from opswright.evals.policy.faults import statement_list
from opswright.evals.policy.scoring import judged
from opswright.nouns import Json
from opswright.tools.iam.document import Effect, Policy, Request
from opswright.tools.iam.evaluator import statement_matches
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.spec import Spec

ROUNDS = 3


def exact_point_patch(value: Json, spec: Spec) -> Json:
    """The document with an exact Allow or Deny for each request it judges wrongly.

    A Deny in the way of a required request goes out whole: cutting a point out of it takes more than a patch.
    """
    for _ in range(ROUNDS):
        policy = policy_from_value(value)
        wrong = [one for one in spec.requests if judged(policy, one.request) is not (one.effect == "allow")]
        if not wrong:
            return value
        needed = [one.request for one in wrong if one.effect == "allow"]
        kept = [
            statement
            for statement, parsed in zip(statement_list(value), policy.statements, strict=True)
            if parsed.effect is Effect.ALLOW or not any(statement_matches(policy, parsed, r) for r in needed)
        ]
        named = any(statement.principals is not None for statement in policy.statements)
        value = {**value, "Statement": kept}
        value = _with_points(value, [(one.request, one.effect == "allow") for one in wrong], named, spec)
    return value


def _with_points(value: Json, points: Sequence[tuple[Request, bool]], named: bool, spec: Spec) -> Json:
    added = []
    policy = policy_from_value(value) if value["Statement"] else Policy(())
    for request, allow in points:
        if judged(policy, request) is not allow:
            added.append(_point(request, allow, named, spec))
    return {**value, "Statement": [*value["Statement"], *added]}


def _point(request: Request, allow: bool, named: bool, spec: Spec) -> dict[str, Json]:
    statement: dict[str, Json] = {"Effect": "Allow" if allow else "Deny"}
    if named:
        statement["Principal"] = _principal(request.principal)
    statement |= {"Action": request.action, "Resource": request.resource}
    condition = _condition(request.context, () if allow else _other_keys(request, spec))
    return {**statement, "Condition": condition} if condition else statement


def _principal(principal: str | None) -> Json:
    if principal is None or principal == "*":
        return "*"
    if principal.startswith("arn:") or re.fullmatch(r"\d{12}", principal):
        return {"AWS": principal}
    if principal.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return {"Service": principal}
    return {"CanonicalUser" if re.fullmatch(r"[0-9a-f]{64}", principal) else "Federated": principal}


def _condition(context: Mapping[str, tuple[str, ...]], absent: Sequence[str]) -> Json:
    exact = {key: list(values) if len(values) > 1 else values[0] for key, values in sorted(context.items())}
    block: dict[str, Json] = {}
    if exact:
        block["ForAllValues:StringEquals"] = exact
        block["Null"] = dict.fromkeys(exact, "false")
    if absent:
        block["Null"] = block.get("Null", {}) | dict.fromkeys(absent, "true")
    return block


def _other_keys(request: Request, spec: Spec) -> list[str]:
    """Keys by which required requests for the same action differ from this one: a Deny must not hit those."""
    keys = {
        key
        for one in spec.requests
        if one.effect == "allow" and one.request.action.lower() == request.action.lower()
        for key in one.request.context
    }
    return sorted(keys - request.context.keys())
