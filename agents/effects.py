"""Loads the one tool file that an action or an undo record names, and nothing else.

A name such as `files.write` is the path of a file under `opswright.tools` (or under a plug-in folder that the caller
gives), made of lower-case words. A name comes from a journal, a receipt or a proposal and is never trusted further.
"""

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import cast

from opswright import tools
from opswright.agents.plugins import module_at
from opswright.agents.ports import Effect
from opswright.errors import ApprovalRefused, InputError
from opswright.nouns import Action, Risk, digest

NAME = re.compile(r"[a-z][a-z0-9_]{0,40}(\.[a-z][a-z0-9_]{0,40}){0,3}")
PARTS = ("capture", "perform", "landed", "revert")
MILDEST_FIRST = tuple(Risk)


@dataclass(frozen=True)
class Effects:
    """Finds effects by name; `plugins` is a folder of more of them, searched after the program's own."""

    plugins: Path | None = None

    def load(self, name: str) -> Effect:
        """The module. Raises InputError when there is no such effect."""
        if not NAME.fullmatch(name):
            raise InputError(f"{name[:80]!r} is not the name of an effect")
        module = self.file(name)
        if module is None or not all(callable(getattr(module, part, None)) for part in PARTS):
            raise InputError(f"there is no effect {name!r}")
        return cast(Effect, module)

    def file(self, name: str) -> ModuleType | None:
        """The tool file of that name as a module, whatever it offers; None where there is none."""
        if not NAME.fullmatch(name):
            return None
        relative = Path(*name.split(".")).with_suffix(".py")
        if any((Path(folder) / relative).is_file() for folder in tools.__path__):
            return importlib.import_module(f"{tools.__name__}.{name}")
        if self.plugins is not None and (self.plugins / relative).is_file():
            return _load_file(self.plugins / relative)
        return None

    def check_risk(self, action: Action) -> None:
        """Refuses an action that claims to be milder than its effect says it is (the module's RISK, if it has one)."""
        least = getattr(self.load(action.effect), "RISK", Risk.READ)
        if MILDEST_FIRST.index(action.risk) < MILDEST_FIRST.index(least):
            raise ApprovalRefused(f"{action.effect} is {least}, and the action claims to be {action.risk}")


def _load_file(path: Path) -> ModuleType:
    return module_at(f"opswright_effect_{digest(str(path.resolve()))[:16]}", path)
