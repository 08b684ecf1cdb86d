"""The gateway over real HTTP, a recording of it played back without one, and no models keep the same contract."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from opswright.agents.ledger import Ledger
from opswright.agents.wiring import NoModels
from opswright.errors import BudgetSpent, ModelRetry
from opswright.nouns import Budget
from opswright.tools.models.gateway import Stores
from opswright.tools.models.recording import Recording
from tests.contracts.models import (
    ASKED,
    INPUTS,
    LOW,
    PROMPT,
    WEIGH,
    AnsweringModelsContract,
    ModelsContract,
    Opened,
    Opening,
)
from tests.tools.models.conftest import ROOMY, Bench, Fruit, bench, prompts, server
from tests.tools.models.server import Step

__all__ = ["bench", "prompts", "server"]
Build = Callable[..., Bench]


class TestGateway(AnsweringModelsContract):
    @pytest.fixture
    def opening(self, bench: Build) -> Opening:
        def opened(answers: Sequence[Step], budget: Budget) -> Opened:
            it = bench(budget=budget, models={"retries": 0})
            it.server.script(*(answers if budget is ROOMY else ()))  # with too small a budget nobody is asked
            return it.gateway, it.ledger

        return opened


class TestReplayed(AnsweringModelsContract):
    @pytest.fixture
    def opening(self, bench: Build, tmp_path: Path) -> Opening:
        def opened(answers: Sequence[Step], budget: Budget) -> Opened:
            recording = Recording(tmp_path / "models.jsonl")
            first = bench(stores=Stores(recording=recording), models={"retries": 0})
            first.server.script(*answers)
            _record(first, answers)
            again = bench(budget=budget, stores=Stores(recording=recording, replay=True), environment={})
            return again.gateway, again.ledger

        return opened


class TestNoModels(ModelsContract):
    @pytest.fixture
    def opening(self) -> Opening:
        return lambda answers, budget: (NoModels(), Ledger(budget, lambda: 0.0))


def _record(first: Bench, answers: Sequence[Step]) -> None:
    """Asks what the contract is going to ask, so that every answer is in the recording."""
    if not answers:
        return
    try:
        if b"tool_calls" in answers[0].body:
            first.gateway.reply(LOW, PROMPT, INPUTS, tools=[WEIGH])
        else:
            first.gateway.ask(LOW, *ASKED, _apples_only if len(answers) == 2 else None)
    except (ModelRetry, BudgetSpent):
        pass


def _apples_only(found: Fruit) -> None:
    if found.name != "apple":
        raise ModelRetry("there are only apples")
