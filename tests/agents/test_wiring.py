"""A run's services: one gateway for all its tasks, each on its own account, and none where the solver is forced."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from opswright.agents.ledger import Ledger
from opswright.agents.manifests import read_manifests
from opswright.agents.ports import Models
from opswright.agents.surroundings import SessionSurroundings
from opswright.agents.wiring import Choices, Doors, NoModels, Trace, Wiring, wire
from opswright.errors import BudgetSpent
from opswright.knowledge.journal import Journal
from opswright.nouns import Budget, Task, Usage
from opswright.settings import load_settings


@dataclass
class Counting(NoModels):
    """A gateway that remembers for whom it was asked."""

    meters: list[Ledger] = field(default_factory=list)

    def metered(self, meter: Ledger, trace: Trace | None = None) -> Models:
        self.meters.append(meter)
        return self


def wired(folder: Path, choices: Choices, variables: Mapping[str, str]) -> Wiring:
    """The services of one run with an empty home."""
    settings = load_settings(environment={"HOME": str(folder), **variables}, folder=folder)
    return wire(
        settings,
        choices,
        read_manifests(),
        Journal(settings.journal_path),
        "run1",
        Doors(),
        SessionSurroundings(settings),
    )


def test_tasks_share_a_gateway_and_not_their_accounts(tmp_path: Path) -> None:
    gateway = Counting()
    wiring = replace(wired(tmp_path, Choices(budget=Budget(tokens=10)), {}), gateway=gateway)
    wiring.routing_models()
    for id in ("t1", "t2"):
        wiring.loop(Task(id, "policy", "repair it", {}))
    session, first, second = gateway.meters
    assert session is wiring.ledger
    first.charge(Usage(tokens_in=6))
    second.charge(Usage(tokens_in=4))
    assert (first.spent.tokens, second.spent.tokens, session.spent.tokens) == (6, 4, 10)
    with pytest.raises(BudgetSpent):
        second.charge(Usage(tokens_in=1))


@pytest.mark.parametrize(("tier", "there"), [("auto", True), ("low", True), ("solver", False)])
def test_a_forced_solver_tier_has_no_models(tmp_path: Path, tier: str, there: bool) -> None:
    variables = {"OPSWRIGHT_BASE_URL": "http://127.0.0.1:9/v1", "OPSWRIGHT_MODEL": "any"}
    wiring = wired(tmp_path, Choices(tier=tier), variables)
    assert isinstance(wiring.gateway, NoModels) is not there
    assert isinstance(wiring.routing_models(), NoModels) is not there
