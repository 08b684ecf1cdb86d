"""Reads what a sensor of the greenhouse said on the last days, oldest first."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from opswright.nouns import Json, Risk
from opswright.sandboxes.environments.ports import Environment

RISK = Risk.READ


class Arguments(BaseModel):
    """Which sensor, and how many days."""

    model_config = ConfigDict(extra="forbid")

    sensor: Literal["air", "soil"]
    days: int = Field(ge=1, le=7)


def run(arguments: Arguments, on: Environment) -> Json:
    """Degrees Celsius, one a day."""
    return on.call("history", {"sensor": arguments.sensor, "days": arguments.days})
