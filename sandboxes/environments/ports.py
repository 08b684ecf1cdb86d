"""The port of an environment, and of one whose configurations are confined to a declared grid."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from opswright.nouns import Json

if TYPE_CHECKING:
    from opswright.sandboxes.environments.grid import Grid

MEASURE = "measure"


class Environment(Protocol):
    """Something that answers calls by name. May be shared by threads; calls come one at a time where order counts."""

    @property
    def name(self) -> str:
        """What recordings of it are called: lower-case letters, digits, - and _."""
        ...

    def call(self, operation: str, arguments: Mapping[str, Json]) -> Json:
        """What the operation gave, as plain JSON values.

        Raises ToolFailed when the operation does not succeed or is not known, EnvironmentFailed when what stands behind
        it does not answer.
        """
        ...

    def close(self) -> None:
        """Lets go of it; idempotent. Raises RecordingMissing when a recording was not played to its end."""
        ...


@runtime_checkable
class Gridded(Environment, Protocol):
    """An environment with a declared grid of configurations. It is recorded as a Surface, any other as a Transcript.

    Its operation `measure` takes `{configuration, block, repeat}` and gives the grid's measurements by name; `block`
    and `repeat` may be absent. What is measured with one block name is measured close together in time, so that pairs
    within a block share the drift; `repeat` counts measurements of one configuration within its block.
    """

    def grid(self) -> "Grid":
        """What samplers are confined to."""
        ...


Open = Callable[[], Environment]
