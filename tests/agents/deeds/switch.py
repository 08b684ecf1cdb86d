"""Turns a file from `off` to `on`: undoable, disruptive, and after a crash it cannot be told whether it happened.

Every turn is a line in `log`. `wait`: a named pipe that is read before the turn. `fail`: it raises.
"""

from collections.abc import Mapping
from pathlib import Path

from opswright.errors import EnvironmentFailed, ToolFailed
from opswright.nouns import Action, Json, Permit, UndoOp


def capture(arguments: Mapping[str, Json]) -> UndoOp | None:
    if arguments.get("irreversible"):
        return None
    path = Path(arguments["path"])
    return UndoOp("switch", {"path": str(path), "was": path.read_text(encoding="utf-8")})


def perform(action: Action, permit: Permit, key: str) -> Json:
    path = Path(action.arguments["path"])
    if action.arguments.get("wait"):
        Path(action.arguments["wait"]).read_text(encoding="utf-8")
    if action.arguments.get("fail"):
        raise ToolFailed("the switch is stuck")
    turn(path, str(action.arguments["to"]))
    return {"to": action.arguments["to"]}


def landed(arguments: Mapping[str, Json], key: str) -> bool | None:
    return None


def revert(captured: Mapping[str, Json], force: bool = False) -> None:
    path = Path(captured["path"])
    if path.with_name("away").exists():
        raise EnvironmentFailed("the switch does not answer")
    if path.with_name("revert-fails").exists():
        raise ToolFailed("the switch is stuck")
    if path.with_name("revert-is-broken").exists():
        raise KeyError("broken")
    if path.read_text(encoding="utf-8") != captured["was"]:
        turn(path, captured["was"])


def turn(path: Path, to: str) -> None:
    """The change itself."""
    path.write_text(to, encoding="utf-8")
    with path.with_name("log").open("a", encoding="utf-8") as log:
        log.write(f"{to}\n")
