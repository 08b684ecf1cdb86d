"""Which specialists is a request for, in which order? Pure rules over its words and files."""

from opswright.agents.routing.clauses import looked_at
from opswright.agents.routing.ordering import Step
from opswright.agents.routing.rules import Field, Route, read_fields, route

__all__ = ["Field", "Route", "Step", "looked_at", "read_fields", "route"]
