"""What a task of the greenhouse is given: the controller's file and the most energy a day."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opswright.agents.files import File
from opswright.errors import InputError
from opswright.nouns import Json, Task

ENERGY_KWH = 10.0


@dataclass(frozen=True)
class Work:
    """A task, read. `controller` is the file that a live greenhouse is driven by."""

    controller: Path
    present: Mapping[str, int]
    energy_kwh: float


def classify(name: str, text: str) -> str | None:
    """A controller's file is one JSON object with both settings."""
    try:
        return "controller" if set(json.loads(text)) == {"vent_percent", "heating_c"} else None
    except (ValueError, TypeError):
        return None


def inputs(goal: str, files: Sequence[File]) -> dict[str, Json]:
    """The inputs of a request in words. Raises InputError without exactly one controller."""
    found = [file for file in files if file.role("greenhouse") == "controller"]
    if len(found) != 1:
        raise InputError("give the controller's settings as a file (--file)", "greenhouse")
    return task_inputs(Path(found[0].name), found[0].whole_text())


def task_inputs(path: Path, text: str, energy_kwh: float = ENERGY_KWH) -> dict[str, Json]:
    """The inputs of a task. Raises InputError for a file that is no controller's."""
    if classify(path.name, text) is None:
        raise InputError("is no controller's file (vent_percent and heating_c)", str(path))
    return {"controller": str(path.absolute()), "present": json.loads(text), "energy_kwh": energy_kwh}


def read_work(task: Task) -> Work:
    """The task's inputs. Raises InputError for what is missing."""
    try:
        present = {str(name): int(value) for name, value in task.inputs["present"].items()}
        return Work(Path(task.inputs["controller"]), present, float(task.inputs.get("energy_kwh", ENERGY_KWH)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"not the inputs of a greenhouse task: {error}", "greenhouse") from error
