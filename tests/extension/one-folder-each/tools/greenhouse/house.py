"""A greenhouse that is simulated: what stands where a real one's controller and sensors would."""

from collections.abc import Mapping
from pathlib import Path

from opswright.errors import ToolFailed
from opswright.nouns import Json, digest
from opswright.sandboxes.environments.grid import Grid
from opswright.sandboxes.environments.ports import MEASURE
from opswright.tools.greenhouse import setting

GRID = Grid({"vent_percent": (0, 20, 40), "heating_c": (18, 20, 22)}, ("growth_mm", "energy_kwh"))
COLD_C = 12.0
AIR_C = (9.5, 8.0, 11.0, 10.5, 7.5, 9.0, 12.5)


class House:
    """Live: a day's growth and energy under the settings that the controller's file holds."""

    name = "house"

    def __init__(self, controller: Path) -> None:
        self._controller = controller
        self._days = 0

    def grid(self) -> Grid:
        """Positions that the controller knows."""
        return GRID

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        """`measure`, of what is set. Raises ToolFailed where something else is."""
        if operation != MEASURE:
            raise ToolFailed(f"a greenhouse does not know {operation}")
        wanted, block = GRID.checked(arguments["configuration"]), str(arguments.get("block") or "")
        if setting.read(self._controller) != wanted:
            raise ToolFailed(f"the controller is not set to {wanted}")
        self._days += 1
        return _day(wanted, block, self._days)

    def close(self) -> None:
        """Nothing is held."""


class Driven(House):
    """The same, which sets the controller by itself: for recordings, where nobody's tomatoes are at stake."""

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        """Sets it before it measures, and puts it back."""
        if operation != MEASURE:
            return super().call(operation, arguments)
        GRID.checked(arguments["configuration"])
        before = setting.read(self._controller)
        setting.write(self._controller, arguments["configuration"])
        try:
            return super().call(operation, arguments)
        finally:
            setting.write(self._controller, before)


class Sensors:
    """Live: what the sensors said on the last days."""

    name = "sensors"

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        """`history` of the air. Raises ToolFailed for other sensors."""
        if operation != "history":
            raise ToolFailed(f"sensors do not know {operation}")
        if arguments.get("sensor") != "air":
            raise ToolFailed(f"there is no sensor {arguments.get('sensor')}; there is air")
        return list(AIR_C[-int(arguments["days"]) :])

    def close(self) -> None:
        """Nothing is held."""


def _day(settings: Mapping[str, Json], block: str, day: int) -> dict[str, Json]:
    """The weather of a block moves all settings alike; a little noise does not."""
    heating, vent = float(settings["heating_c"]), float(settings["vent_percent"])
    growth = 10 - 0.4 * (heating - 20.5) ** 2 - 0.002 * (vent - 20) ** 2 + _noise(block) + 0.1 * _noise([block, day])
    return {"growth_mm": round(growth, 3), "energy_kwh": round(2 * (heating - 16) + 0.05 * vent, 3)}


def _noise(what: Json) -> float:
    """From -1 to 1."""
    return int(digest(what)[:8], 16) / 2**31 - 1
