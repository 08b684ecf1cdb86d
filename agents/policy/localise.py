"""Which statements decide a request wrongly, or nearly decide it rightly: what a person or a model should look at."""

from opswright.agents.policy.proofs import request_json
from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam.document import Effect, Policy, Request
from opswright.tools.iam.evaluator import decide, mismatches
from opswright.tools.iam.spec import Spec

NEAREST = 3


def localisation(policy: Policy, spec: Spec) -> list[dict[str, Json]]:
    """Every request that the policy decides wrongly, with the statements at fault (numbered from 1)."""
    found = []
    for item in spec.requests:
        try:
            decision = decide(policy, item.request)
        except InputError as error:
            wrong = {"id": item.id, "wanted": item.effect, "got": "undecidable", "request": request_json(item.request)}
            found.append({**wrong, "because": str(error)})
            continue
        if decision.allowed == (item.effect == "allow"):
            continue
        entry: dict[str, Json] = {"id": item.id, "wanted": item.effect, "got": decision.outcome}
        entry["request"] = request_json(item.request)
        if decision.statements:
            entry["decided_by"] = [at + 1 for at in decision.statements]
        if not decision.allowed and decision.outcome == "implicit_deny":
            entry["nearest"] = nearest(policy, item.request)
        found.append(entry)
    return found


def nearest(policy: Policy, request: Request) -> list[dict[str, Json]]:
    """The Allow statements that come nearest to matching, and the elements that keep the request out."""
    ranked = []
    for statement in policy.statements:
        if statement.effect is Effect.ALLOW:
            names = mismatches(policy, statement, request)
            ranked.append((len(names), statement.index, names))
    ranked.sort()
    return [{"statement": index + 1, "mismatch": list(names)} for _, index, names in ranked[:NEAREST]]


def why(entry: dict[str, Json]) -> str:
    """Why the policy decides that request as it does, in words."""
    if entry.get("because"):
        return str(entry["because"])
    if entry.get("decided_by"):
        verb = "allowed" if entry["got"] == "allow" else "denied"
        return f"{verb} by statement {', '.join(map(str, entry['decided_by']))}"
    nearest = entry.get("nearest") or []
    if not nearest:
        return "no statement allows anything"
    first = nearest[0]
    return f"no statement allows it (nearest: statement {first['statement']}, but for {', '.join(first['mismatch'])})"
