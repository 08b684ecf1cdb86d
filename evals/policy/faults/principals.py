"""Faults in Principal and NotPrincipal."""

import re
from random import Random

from opswright.evals.policy.faults.statement import Actions, Kind, entries, misspelled, wrong_digit
from opswright.nouns import Json

_ELEMENTS = ("Principal", "NotPrincipal")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")


def _named(statement: dict[str, Json]) -> list[tuple[str, str, int]]:
    """(element, kind, position) of every principal that names somebody."""
    return [
        (element, kind, at)
        for element in _ELEMENTS
        if isinstance(statement.get(element), dict)
        for kind, values in statement[element].items()
        for at, text in enumerate(entries(values))
        if text != "*"
    ]


def _with(statement: dict[str, Json], element: str, kind: str, values: list[Json]) -> dict[str, Json]:
    was_list = isinstance(statement[element][kind], list)
    statement[element][kind] = values if was_list or len(values) != 1 else values[0]
    return statement


def wrong(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """A wrong account, user, role or service."""
    named = _named(statement)
    if not named:
        return None
    element, kind, at = rng.choice(named)
    found = entries(statement[element][kind])
    text = str(found[at])
    account = _ACCOUNT.search(text)
    tail = re.search(r"[A-Za-z][\w.-]*$", text)
    ways = []
    if account:
        ways.append(text[: account.start()] + wrong_digit(account.group(), rng) + text[account.end() :])
    if kind == "Service":
        ways.append(misspelled(text.split(".", 1)[0], rng) + "." + text.split(".", 1)[-1])
    elif tail and not text.endswith(":root"):
        ways.append(text[: tail.start()] + misspelled(tail.group(), rng))
    return _with(statement, element, kind, [*found[:at], rng.choice(ways), *found[at + 1 :]]) if ways else None


def broadened(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """Everybody, where somebody was meant."""
    if statement["Effect"] != "Allow" or not any(element == "Principal" for element, _, _ in _named(statement)):
        return None
    return {**statement, "Principal": "*"}


def dropped(statement: dict[str, Json], rng: Random, actions: Actions) -> dict[str, Json] | None:
    """One principal forgotten from a list."""
    several = [(e, k, i) for e, k, i in _named(statement) if len(entries(statement[e][k])) > 1]
    if not several:
        return None
    element, kind, at = rng.choice(several)
    found = entries(statement[element][kind])
    return _with(statement, element, kind, found[:at] + found[at + 1 :])


KINDS = (
    Kind("principal_wrong", wrong),
    Kind("principal_broadened", broadened),
    Kind("principal_dropped", dropped),
)
