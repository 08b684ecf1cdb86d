"""Faults in Resource and NotResource."""

import re
from collections.abc import Callable
from random import Random

from opswright.evals.policy.faults.statement import (
    Actions,
    Kind,
    entries,
    is_region,
    misspelled,
    other_region,
    put,
    renamed,
    without_one,
    wrong_digit,
)
from opswright.nouns import Json

_ELEMENTS = ("Resource", "NotResource")


def _element(statement: dict[str, Json]) -> str | None:
    return next((name for name in _ELEMENTS if name in statement), None)


def _one_replaced(
    statement: dict[str, Json], rng: Random, applies: Callable[[str], bool], change: Callable[[str], str | None]
) -> dict[str, Json] | None:
    """One entry that the fault applies to, changed."""
    element = _element(statement)
    if element is None:
        return None
    found = entries(statement[element])
    fitting = [i for i, resource in enumerate(found) if applies(resource)]
    rng.shuffle(fitting)
    for at in fitting:
        changed = change(found[at])
        if changed is not None and changed not in found:
            return put(statement, element, [*found[:at], changed, *found[at + 1 :]])
    return None


def suffix_missing(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """`arn:aws:s3:::reports` where `arn:aws:s3:::reports/*` was meant."""
    return _one_replaced(
        statement, rng, lambda resource: len(resource) > 2 and resource.endswith("/*"), lambda resource: resource[:-2]
    )


def suffix_extra(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """`arn:aws:s3:::reports/*` where the bucket itself was meant."""
    return _one_replaced(statement, rng, lambda resource: not resource.endswith("*"), lambda resource: resource + "/*")


def wrong_segment(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """An ARN with a wrong account, region, or first part of the name (the bucket, the table, the role)."""

    def change(resource: str) -> str | None:
        parts = resource.split(":", 5)
        ways = []
        if is_region(parts[3]):
            ways.append((3, other_region(parts[3], rng)))
        if re.fullmatch(r"\d{12}", parts[4]):
            ways.append((4, wrong_digit(parts[4], rng)))
        named = re.search(r"(?:^|[/:])([A-Za-z][A-Za-z0-9_.-]{3,})(?=$|[/*])", parts[5])
        if named:
            at, word = named.start(1), named.group(1)
            ways.append((5, parts[5][:at] + misspelled(word, rng) + parts[5][at + len(word) :]))
        if not ways:
            return None
        at, text = rng.choice(ways)
        return ":".join([*parts[:at], text, *parts[at + 1 :]])

    return _one_replaced(statement, rng, lambda resource: resource.count(":") >= 5, change)


def broadened(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """The resources of an Allow written as `*`."""
    if "Resource" not in statement or statement["Effect"] != "Allow" or "*" in entries(statement["Resource"]):
        return None
    return put(statement, "Resource", ["*"])


def dropped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """One resource forgotten from a list."""
    return without_one(statement, _element(statement), rng)


def inverted(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """Resource written as NotResource, or the other way round."""
    element = _element(statement)
    if element is None or "*" in entries(statement[element]):
        return None
    return renamed(statement, element, "Resource" if element == "NotResource" else "NotResource")


KINDS = (
    Kind("resource_suffix_missing", suffix_missing),
    Kind("resource_suffix_extra", suffix_extra),
    Kind("resource_wrong_segment", wrong_segment),
    Kind("resource_broadened", broadened),
    Kind("resource_dropped", dropped),
    Kind("resource_inverted", inverted),
)
