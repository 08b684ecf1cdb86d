"""A declared grid of configurations: the only ones that a sampler may ask a surface for."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from opswright.errors import InputError, ToolFailed
from opswright.nouns import Json, canonical_json

Scalar = str | int | float | bool
Configuration = Mapping[str, Scalar]
MOST_POINTS = 4096  # of any grid; a surface is measured point by point


@dataclass(frozen=True)
class Grid:
    """Parameters with their allowed values, and the names of what is measured (with the unit in the name).

    `only`: the configurations that count where not every combination does; absent, all combinations. Raises InputError
    for a grid without points, with more than MOST_POINTS, or with a value twice.
    """

    parameters: Mapping[str, Sequence[Scalar]]
    measurements: Sequence[str]
    only: Sequence[Configuration] = ()
    _points: tuple[dict[str, Scalar], ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        # By name, as a recording gives them back: samplers see the points in one order, live and recorded.
        object.__setattr__(self, "parameters", dict(sorted(self.parameters.items())))
        for name, values in self.parameters.items():
            if not values or len({_spelled(value) for value in values}) < len(values):
                raise InputError("needs values, each once", f"grid parameter {name}")
        if not self.parameters or not self.measurements:
            raise InputError("needs parameters and measurements", "grid")
        size = len(self.only) or math.prod(len(values) for values in self.parameters.values())
        if size > MOST_POINTS:
            raise InputError(f"has {size} configurations; {MOST_POINTS} is the most", "grid")
        object.__setattr__(self, "_points", tuple(self._listed()))
        if len(self._keys) < len(self._points):
            raise InputError("has a configuration twice", "grid")

    def points(self) -> tuple[dict[str, Scalar], ...]:
        """Every allowed configuration, in a fixed order."""
        return tuple(dict(point) for point in self._points)

    def checked(self, configuration: Mapping[str, Json]) -> dict[str, Scalar]:
        """The configuration in the grid's own spelling (1.0 is 1). Raises ToolFailed naming what is off the grid."""
        missing = [name for name in self.parameters if name not in configuration]
        unknown = [str(name)[:60] for name in configuration if name not in self.parameters]
        if missing or unknown:
            said = [
                f"{word} {', '.join(names)}" for word, names in (("missing", missing), ("unknown", unknown)) if names
            ]
            raise ToolFailed(f"off the grid: {'; '.join(said)}; its parameters are {', '.join(self.parameters)}")
        found = {name: self._value(name, configuration[name]) for name in self.parameters}
        if key_of(found) not in self._keys:
            raise ToolFailed(
                f"off the grid: {key_of(found)[:300]} is not one of its {len(self._points)} configurations"
            )
        return found

    def as_json(self) -> dict[str, Json]:
        """Plain values, for a recording and for samplers."""
        return {
            "parameters": {name: list(values) for name, values in self.parameters.items()},
            "measurements": list(self.measurements),
            "only": [dict(point) for point in self.only],
        }

    @staticmethod
    def from_json(value: Json, where: str = "grid") -> "Grid":
        """Raises InputError for what is no grid."""
        try:
            return Grid(dict(value["parameters"]), tuple(value["measurements"]), tuple(value["only"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"is no grid ({type(error).__name__})", where) from error

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(key_of(point) for point in self._points)

    def _listed(self) -> Iterator[dict[str, Scalar]]:
        if not self.only:
            names = list(self.parameters)
            for values in itertools.product(*self.parameters.values()):
                yield dict(zip(names, values, strict=True))
        for point in self.only:
            if set(point) != set(self.parameters):
                raise InputError(f"{canonical_json(dict(point))} does not name every parameter once", "grid")
            yield {name: self._value(name, point[name]) for name in self.parameters}

    def _value(self, name: str, value: Json) -> Scalar:
        for allowed in self.parameters[name]:
            if _spelled(allowed) == _spelled(value):
                return allowed
        values = ", ".join(canonical_json(one) for one in list(self.parameters[name])[:20])
        raise ToolFailed(f"off the grid: {name} = {canonical_json(value)[:80]}; allowed are {values}")


def key_of(configuration: Mapping[str, Json]) -> str:
    """One spelling for one configuration."""
    return canonical_json(dict(configuration))


def _spelled(value: Json) -> tuple[str, Json]:
    """Equal numbers are one value however they are written; a truth value is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return type(value).__name__, value if isinstance(value, bool | str) else canonical_json(value)
    return "number", float(value)
