"""Counts one on an HTTP server that does not tell repetitions apart: twice asked is twice counted. Irreversible.

The server remembers the keys it was called with, so that `landed` can ask it, unless `tells` is false.
"""

import urllib.request
from collections.abc import Mapping

from opswright.nouns import Action, Json, Permit, Risk, UndoOp
from tests.agents.killing.points import point

RISK = Risk.IRREVERSIBLE


def capture(arguments: Mapping[str, Json]) -> UndoOp | None:
    return None


def perform(action: Action, permit: Permit, key: str) -> Json:
    point("counter:before")
    request = urllib.request.Request(f"{action.arguments['url']}/{key}", method="POST", data=b"")
    with urllib.request.urlopen(request, timeout=10) as answer:
        count = int(answer.read())
    point("counter:after")
    return {"count": count}


def landed(arguments: Mapping[str, Json], key: str) -> bool | None:
    if not arguments["tells"]:
        return None
    with urllib.request.urlopen(f"{arguments['url']}/{key}", timeout=10) as answer:
        return bool(answer.read() == b"yes")


def revert(captured: Mapping[str, Json], force: bool = False) -> None:
    raise AssertionError("there is nothing to revert with")
