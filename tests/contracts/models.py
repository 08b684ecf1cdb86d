"""What holds for whatever a specialist asks: the gateway over a wire, its recording played back, and no models at all.

class TestMine(AnsweringModelsContract):
    @pytest.fixture
    def opening(self): return lambda answers, budget: Mine(answers, budget)
"""

from collections.abc import Callable, Sequence

import pytest
from pydantic import BaseModel

from opswright.agents.ledger import Ledger
from opswright.agents.ports import Models
from opswright.errors import BudgetSpent, ConfigError, ModelRetry, RecordingMissing
from opswright.nouns import Budget, Json, Tier
from opswright.settings.shape import MODEL_TIERS
from opswright.tools.models.toolcalls import Tool
from tests.tools.models.conftest import ROOMY, Fruit
from tests.tools.models.server import Step, completion

INPUTS: dict[str, Json] = {"count": 3, "basket": "three apples"}
PROMPT = "test/fruit"
ASKED = (PROMPT, INPUTS, Fruit)
APPLE = completion('{"name": "apple", "count": 3}')
LOW = Tier.LOW
Opened = tuple[Models, Ledger]
# `answers` is what the model says, in order; the ledger is what calls are charged to.
Opening = Callable[[Sequence[Step], Budget], Opened]


class Weigh(BaseModel):
    """Arguments of a tool."""

    fruit: str


WEIGH = Tool("weigh", "Weighs fruit.", Weigh)
CALL = completion(None, [("weigh", '{"fruit": "pear"}')], finish="tool_calls")


class ModelsContract:
    """What holds even where no model is there. Derive it, and say `opening`."""

    @pytest.fixture
    def opening(self) -> Opening:
        raise NotImplementedError("a class that keeps the contract says how its models are opened")

    def test_tiers_are_named_cheapest_first_and_the_solver_is_none(self, opening: Opening) -> None:
        tiers = list(opening([], ROOMY)[0].available())
        assert tiers == [tier for tier in MODEL_TIERS if tier in tiers]

    def test_a_tier_that_is_not_there_is_said_and_nothing_is_charged(self, opening: Opening) -> None:
        models, ledger = opening([], ROOMY)
        for tier in set(Tier) - set(models.available()):
            with pytest.raises((ConfigError, RecordingMissing)) as asked:
                models.ask(tier, *ASKED)
            with pytest.raises((ConfigError, RecordingMissing)):
                models.reply(tier, PROMPT, INPUTS)
            assert tier in str(asked.value) and "\n" not in str(asked.value)
        assert ledger.spent.calls == 0 and ledger.spent.tokens == 0


class AnsweringModelsContract(ModelsContract):
    """What holds where the low tier answers."""

    def test_an_answer_has_its_shape_and_its_price(self, opening: Opening) -> None:
        models, ledger = opening([APPLE], ROOMY)
        assert models.ask(LOW, *ASKED) == Fruit(name="apple", count=3)
        assert (ledger.spent.calls, ledger.spent.tokens_in, ledger.spent.tokens_out) == (1, 40, 7)
        assert ledger.spent.cost_usd == pytest.approx(40e-6 + 14e-6)

    def test_an_answer_that_does_not_hold_is_mended(self, opening: Opening) -> None:
        models, ledger = opening([completion('{"name": "apple"}'), APPLE], ROOMY)
        assert models.ask(LOW, *ASKED).count == 3
        assert ledger.spent.calls == 2

    def test_the_validator_has_the_last_word(self, opening: Opening) -> None:
        models, _ = opening([completion('{"name": "fig", "count": 3}'), APPLE], ROOMY)

        def apples_only(found: Fruit) -> None:
            if found.name != "apple":
                raise ModelRetry("there are only apples")

        assert models.ask(LOW, *ASKED, apples_only).name == "apple"

    def test_a_model_that_never_fits_is_given_up(self, opening: Opening) -> None:
        models, ledger = opening([completion("no")] * 3, ROOMY)
        with pytest.raises(ModelRetry):
            models.ask(LOW, *ASKED)
        assert ledger.spent.calls == 3

    def test_a_spent_budget_is_hard(self, opening: Opening) -> None:
        models, ledger = opening([APPLE], ROOMY)
        small = Budget(tokens=10)
        assert models.ask(LOW, *ASKED)
        tight, spent = opening([APPLE], small)
        with pytest.raises(BudgetSpent):
            tight.ask(LOW, *ASKED)
        assert spent.spent.tokens <= 10 and ledger.spent.calls == 1

    def test_a_reply_may_call_what_was_offered(self, opening: Opening) -> None:
        models, ledger = opening([CALL], ROOMY)
        reply = models.reply(LOW, PROMPT, INPUTS, tools=[WEIGH])
        assert [(call.name, call.arguments) for call in reply.calls] == [("weigh", Weigh(fruit="pear"))]
        assert ledger.spent.calls == 1

    def test_nothing_else_is_ever_called(self, opening: Opening) -> None:
        models, _ = opening([completion(None, [("rm", "{}")], finish="tool_calls")] * 3, ROOMY)
        with pytest.raises(ModelRetry, match="there is no tool rm"):
            models.reply(LOW, PROMPT, INPUTS, tools=[WEIGH])

    def test_inputs_must_be_the_prompt_s(self, opening: Opening) -> None:
        models, ledger = opening([], ROOMY)
        with pytest.raises(ConfigError, match="unknown more"):
            models.ask(LOW, PROMPT, {**INPUTS, "more": 1}, Fruit)
        assert ledger.spent.calls == 0
