"""Tool files as a model may use them: one file under `tools/`, named in the specialist's `agent.toml`.

    \"\"\"Reads the last values of a sensor.\"\"\"           the first paragraph is what the model is told of it
    RISK = Risk.READ                                     what it may do to the world; a file without it is no tool
    class Arguments(BaseModel): ...                      what it takes
    def run(arguments: Arguments, on: Environment) -> Json: ...

`on` is what the specialist hands in for it: an environment, a sandbox, or nothing where it is a pure function. Only a
file that reads, and is no effect, is ever run; any other can be offered as a proposal alone, with RISK and Arguments.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from opswright.agents.effects import Effects
from opswright.agents.manifests import MANIFEST, Manifest
from opswright.errors import ConfigError
from opswright.nouns import Json, Risk
from opswright.tools.models.structured import ANSWER_TOOL
from opswright.tools.models.toolcalls import Tool

LONGEST_NAME = 64  # of a tool, for the providers
_PARAGRAPH = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class DeclaredTools:
    """Implements the Tools port: the files that a manifest names, one by one (`iam.explain`) or by area (`iam`)."""

    manifest: Manifest
    effects: Effects

    def find(self, name: str) -> ModuleType:
        """The tool file's module. Raises ConfigError where the manifest does not name it, or there is none."""
        where = str(self.manifest.folder / MANIFEST)
        if not any(name == one or name.startswith(f"{one}.") for one in self.manifest.tools):
            raise ConfigError(f"tools does not name {name}", where)
        module = self.effects.file(name)
        if module is None:
            raise ConfigError(f"there is no tool file {name}", where)
        return module


@dataclass(frozen=True)
class ToolFile:
    """One tool file, read. `run` is None for what a model may only propose."""

    name: str
    offer: Tool
    risk: Risk
    run: Callable[[Any, Any], Json] | None


def read_tool(module: ModuleType, name: str) -> ToolFile:
    """What a tool file offers a model. Raises ConfigError for what it lacks."""
    risk, arguments = getattr(module, "RISK", None), getattr(module, "Arguments", None)
    if not isinstance(risk, Risk):
        raise ConfigError("must say RISK, what it may do to the world", f"tool {name}")
    if not inspect.isclass(arguments) or not hasattr(arguments, "model_json_schema"):
        raise ConfigError("must have Arguments, a pydantic model", f"tool {name}")
    description = " ".join(_PARAGRAPH.split(inspect.cleandoc(module.__doc__ or ""))[0].split())
    call_name = name.replace(".", "_")
    if not description:
        raise ConfigError("must say in its docstring what it is for", f"tool {name}")
    if call_name == ANSWER_TOOL or len(call_name) > LONGEST_NAME:
        raise ConfigError(
            f"must have another name: not {ANSWER_TOOL}, {LONGEST_NAME} characters at most", f"tool {name}"
        )
    run = getattr(module, "run", None)
    if risk is not Risk.READ or hasattr(module, "perform"):  # whatever it says of itself, an effect is no look
        run = None
    elif not callable(run):
        raise ConfigError("must have run(arguments, on)", f"tool {name}")
    if run is None:
        description += " You can only propose it: nothing is done before it was checked and approved."
    return ToolFile(name, Tool(call_name, description, arguments), risk, run)
