"""What a request would be done as: its plan, and nothing of it run, written down or changed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opswright.agents.files import File, read_files
from opswright.agents.ledger import Ledger
from opswright.agents.manifests import read_manifests
from opswright.agents.planning import route_request, with_roles
from opswright.agents.routing import Route
from opswright.agents.wiring import Choices, Doors, NoModels, gateway_of
from opswright.console.text import inline
from opswright.nouns import Json, Tier, Usage
from opswright.redaction import Redactor
from opswright.settings import Settings


@dataclass(frozen=True)
class Preview:
    """A route, who of it is installed, and what finding it took (a model may have been asked)."""

    route: Route
    installed: frozenset[str]
    usage: Usage

    def as_json(self) -> dict[str, Json]:
        """`tasks` in the order of work, empty where the request is for nobody; `after`: numbers of tasks, from 1."""
        tasks = [
            {
                "specialist": step.specialist,
                "request": step.goal,
                "after": [at + 1 for at in step.after],
                "reason": self.route.reason,
                "available": step.specialist in self.installed,
            }
            for step in self.route.steps
        ]
        return {"tasks": tasks, "reason": self.route.reason, "by": self.route.by}

    def as_text(self) -> str:
        """The plan for a person: a line each."""
        if not self.route.steps:
            return f"None of the specialists' work: {inline(self.route.reason)}"
        return "\n".join(self._line(at) for at in range(len(self.route.steps)))

    def _line(self, at: int) -> str:
        step = self.route.steps[at]
        notes = [f"after {', '.join(str(one + 1) for one in step.after)}"] if step.after else []
        notes += [] if step.specialist in self.installed else ["not available in this installation"]
        said = f" ({'; '.join(notes)})" if notes else ""
        return f"{at + 1}. {step.specialist}{said}: {inline(step.goal)}"


def preview(
    request: str, settings: Settings, choices: Choices, doors: Doors, files: Sequence[Path | File] = ()
) -> Preview:
    """The plan of a request. A model is asked only where one is configured, the tier allows it, and the rules are not
    sure. Raises InputError for a file that cannot be read, ConfigError.
    """
    manifests = read_manifests(doors.specialists)
    ledger = Ledger(choices.budget, time.monotonic, name="plan")
    models = NoModels() if choices.tier == Tier.SOLVER else gateway_of(settings, ledger)
    given = [file if isinstance(file, File) else read_files([file])[0] for file in files]
    asked = Redactor().text(request)
    found = route_request(asked, with_roles(given, manifests), manifests, models.metered(ledger), doors.say)
    return Preview(found, frozenset(manifests), ledger.spent)
