"""Faults of a whole statement: its effect, its presence, the reach of a Deny."""

from random import Random

from opswright.evals.policy.faults.statement import Actions, Kind, entries, put
from opswright.nouns import Json


def effect_flipped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """Allow written as Deny, or the other way round."""
    return {**statement, "Effect": "Deny" if statement["Effect"] == "Allow" else "Allow"}


def allow_dropped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """A whole Allow forgotten."""
    return {} if statement["Effect"] == "Allow" else None


def deny_dropped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """A whole Deny forgotten."""
    return {} if statement["Effect"] == "Deny" else None


def deny_widened(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """A Deny over all resources, or over the whole service, where some were meant."""
    if statement["Effect"] != "Deny":
        return None
    ways = []
    if "Resource" in statement and "*" not in entries(statement["Resource"]):
        ways.append(("Resource", ["*"]))
    if "Action" in statement and "*" not in entries(statement["Action"]):
        services = sorted({action.split(":", 1)[0] + ":*" for action in entries(statement["Action"])})
        if services != sorted(entries(statement["Action"])):
            ways.append(("Action", services))
    if not ways:
        return None
    element, values = rng.choice(ways)
    return put(statement, element, list(values))


KINDS = (
    Kind("effect_flipped", effect_flipped),
    Kind("allow_dropped", allow_dropped),
    Kind("deny_dropped", deny_dropped),
    Kind("deny_widened", deny_widened),
)
