"""The files of a request, as the supervisor and the specialists see them: name, text, and who makes what of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class File:
    """One file of a request. `roles`: what each specialist's `classify` says it is (`{"policy": "spec"}`)."""

    name: str
    text: str = field(repr=False)
    roles: Mapping[str, str] = field(default_factory=dict)

    def role(self, specialist: str) -> str | None:
        """Its role for a specialist; None when it is none of its files."""
        return self.roles.get(specialist)
