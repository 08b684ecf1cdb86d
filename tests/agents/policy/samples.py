"""Small policies and specifications for these tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from opswright.nouns import Json
from opswright.tools.iam.document import Policy
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.spec import Spec, spec_from_value

EVERYTHING = [{"action": "*", "resource": "*"}]


def document(*statements: Mapping[str, Json]) -> dict[str, Json]:
    return {"Version": "2012-10-17", "Statement": [dict(statement) for statement in statements]}


def policy(*statements: Mapping[str, Json]) -> Policy:
    return policy_from_value(document(*statements))


def allow(action: Json, resource: Json, **more: Json) -> dict[str, Json]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Json, resource: Json, **more: Json) -> dict[str, Json]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def request(effect: str, row: Sequence[Any]) -> dict[str, Json]:
    """A request from [action, resource, context?, principal?]."""
    made: dict[str, Json] = {"effect": effect, "action": row[0], "resource": row[1]}
    if len(row) > 2 and row[2]:
        made["context"] = row[2]
    if len(row) > 3:
        made["principal"] = row[3]
    return made


def spec(allowed: Sequence[Sequence[Any]] = (), denied: Sequence[Sequence[Any]] = (), **bounds: Json) -> Spec:
    requests = [request("allow", row) for row in allowed] + [request("deny", row) for row in denied]
    numbered = [{"id": f"r{at}", **one} for at, one in enumerate(requests, 1)]
    return spec_from_value({"requests": numbered, **bounds})
