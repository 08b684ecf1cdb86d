"""Sets the controller of a greenhouse. Arguments: `path` of its file, and all `settings`."""

import json
from collections.abc import Mapping
from pathlib import Path

from opswright.errors import ApprovalRefused, ToolFailed
from opswright.nouns import Action, Json, Permit, Risk, UndoOp

NAME = "greenhouse.setting"
RISK = Risk.REVERSIBLE


def action(path: Path, settings: Mapping[str, Json]) -> Action:
    """The action, with what it changes as its preview."""
    arguments = {"path": str(path), "settings": dict(settings)}
    return Action(NAME, arguments, RISK, preview=f"{path}: {read(path)} -> {dict(settings)}")


def capture(arguments: Mapping[str, Json]) -> UndoOp | None:
    """What is set now."""
    path = Path(arguments["path"])
    return UndoOp(NAME, {"path": str(path), "was": read(path), "set": arguments["settings"]})


def perform(action: Action, permit: Permit, key: str) -> Json:
    """Sets it."""
    if permit.action_hash != action.hash:
        raise ApprovalRefused(f"{NAME}: the permit is for another action; nothing was done")
    write(Path(action.arguments["path"]), action.arguments["settings"])
    return {"settings": action.arguments["settings"]}


def landed(arguments: Mapping[str, Json], key: str) -> bool | None:
    """Whether it is set so: setting it again changes nothing."""
    return bool(read(Path(arguments["path"])) == arguments["settings"])


def revert(captured: Mapping[str, Json], force: bool = False) -> None:
    """Puts back what was set. Raises ToolFailed when somebody set something else since."""
    path = Path(captured["path"])
    found = read(path)
    if found not in (captured["was"], captured["set"]) and not force:
        raise ToolFailed(f"{path}: somebody set it to {found} since")
    write(path, captured["was"])


def read(path: Path) -> Json:
    """The settings. Raises ToolFailed when the controller cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ToolFailed(f"{path}: the controller does not answer ({error})") from error


def write(path: Path, settings: Mapping[str, Json]) -> None:
    """All of them, in one step."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json.dumps(dict(settings)), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise ToolFailed(f"{path}: the controller does not answer ({error})") from error
