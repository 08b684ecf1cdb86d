"""Faults in Action and NotAction."""

import re
from random import Random

from opswright.evals.policy.faults.statement import Actions, Kind, entries, misspelled, put, renamed, without_one
from opswright.nouns import Json

_ELEMENTS = ("Action", "NotAction")


def _element(statement: dict[str, Json]) -> str | None:
    return next((name for name in _ELEMENTS if name in statement), None)


def typo(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """`s3:GetObjcet`: an action's name misspelled so that it matches nothing."""
    element = _element(statement)
    if element is None:
        return None
    found = entries(statement[element])
    spelled = [i for i, action in enumerate(found) if re.fullmatch(r"[^:]+:[A-Za-z]{3,}\*?", action)]
    rng.shuffle(spelled)
    for at in spelled:
        service, name = found[at].split(":", 1)
        for _ in range(8):
            wrong = f"{service}:{misspelled(name.rstrip('*'), rng)}{'*' if name.endswith('*') else ''}"
            if not actions.matching(wrong):
                return put(statement, element, [*found[:at], wrong, *found[at + 1 :]])
    return None


def dropped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """One action forgotten from a list."""
    return without_one(statement, _element(statement), rng)


def narrowed(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """`s3:*` written as `s3:Get*`, `s3:Get*` as `s3:GetObject`."""
    if "Action" not in statement:
        return None
    found = entries(statement["Action"])
    wild = [i for i, action in enumerate(found) if re.fullmatch(r"[^:*?]+:[A-Za-z]*\*", action)]
    rng.shuffle(wild)
    for at in wild:
        matched = list(actions.matching(found[at]))
        if len(matched) < 2:
            continue
        service, name = actions.spelled(rng.choice(matched)).split(":", 1)
        verb = re.match(r"[A-Z][a-z]+", name)
        whole = found[at].endswith(":*") and verb is not None
        narrow = f"{service}:{verb.group()}*" if whole and verb else f"{service}:{name}"
        return put(statement, "Action", [*found[:at], narrow, *found[at + 1 :]])
    return None


def broadened(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """One allowed action written as the whole service, `s3:*`."""
    if "Action" not in statement or statement["Effect"] != "Allow":
        return None
    found = entries(statement["Action"])
    narrow = [i for i, action in enumerate(found) if ":" in action and not action.endswith(":*")]
    if not narrow:
        return None
    at = rng.choice(narrow)
    return put(statement, "Action", [*found[:at], found[at].split(":", 1)[0] + ":*", *found[at + 1 :]])


def inverted(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """Action written as NotAction, or the other way round."""
    element = _element(statement)
    if element is None or entries(statement[element]) == ["*"]:
        return None
    return renamed(statement, element, "Action" if element == "NotAction" else "NotAction")


KINDS = (
    Kind("action_typo", typo),
    Kind("action_dropped", dropped),
    Kind("action_narrowed", narrowed),
    Kind("action_broadened", broadened),
    Kind("action_inverted", inverted),
)
