"""Adds a line to a file. It cannot be undone and must not happen twice; `knows`: can it tell whether it happened?

`die`: the process is killed (-9) `before` or `after` the line, once: there must be a file named after it beside `path`.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from opswright.nouns import Action, Json, Permit, Risk, UndoOp

RISK = Risk.IRREVERSIBLE


def capture(arguments: Mapping[str, Json]) -> UndoOp | None:
    return None


def perform(action: Action, permit: Permit, key: str) -> Json:
    assert permit.action_hash == action.hash
    path = Path(action.arguments["path"])
    _die("before", path)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{key}\n")
    _die("after", path)
    return {"lines": len(path.read_text(encoding="utf-8").splitlines())}


def landed(arguments: Mapping[str, Json], key: str) -> bool | None:
    path = Path(arguments["path"])
    if not arguments["knows"]:
        return None
    return path.exists() and key in path.read_text(encoding="utf-8").splitlines()


def revert(captured: Mapping[str, Json], force: bool = False) -> None:
    raise AssertionError("nothing to revert with")


def _die(when: str, path: Path) -> None:
    marker = path.with_name(f"die-{when}")
    if marker.exists():
        marker.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
