"""What a person sets for the greenhouse: `[specialists.greenhouse]`."""

from pydantic import Field

from opswright.nouns import Json
from opswright.settings import Section


class GreenhouseSettings(Section):
    """`days`: pairs of days in a trial."""

    days: int = Field(default=4, ge=2, le=6)

    def widens(self, name: str, value: Json) -> str:
        """A project may ask for fewer days, never for more."""
        fewer = isinstance(value, int) and value <= self.days
        return "" if name == "days" and fewer else f"= {value!r} is more than {self.days}"
