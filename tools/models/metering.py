"""The meter a call is charged to, and the worst case that is reserved on it before the call."""

from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from opswright.errors import ConfigError
from opswright.nouns import Budget, Json, Usage, canonical_json
from opswright.settings import Deployment
from opswright.tools.models.groups import output_limit
from opswright.tools.models.prices import Price
from opswright.tools.models.talk import Answer, Question

LEAST_OUTPUT = 256  # tokens; with less room than that a call is not worth making
MESSAGE_TOKENS = 16  # what a chat template may add around one message
# A margin for the time between looking at the seconds left and reserving them.
SECONDS_SHARE = 0.98


class Hold(Protocol):
    """A reservation (agents/ledger.py). Left without `settle`, it is charged in full."""

    def settle(self, actual: Usage) -> None:
        """Replaces the reservation by what was spent."""
        ...

    def __enter__(self) -> "Hold": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Meter(Protocol):
    """A ledger, as far as the gateway needs it."""

    @property
    def remaining(self) -> Budget:
        """What is left; None is unlimited."""
        ...

    def reserve(self, worst: Usage, what: str = ...) -> Hold:
        """Raises BudgetSpent where the worst case does not fit."""
        ...


def input_limit(question: Question, extra: Mapping[str, Json]) -> int:
    """No tokenizer makes more tokens than there are bytes, so the bytes of all that is sent bound the input."""
    sent = canonical_json({"messages": question.messages, **extra})
    return len(sent.encode("utf-8", "surrogatepass")) + MESSAGE_TOKENS * (len(question.messages) + 1)


def worst_case(
    question: Question,
    extra: Mapping[str, Json],
    deployment: Deployment,
    price: Price | None,
    left: Budget,
    seconds: float,
) -> Usage:
    """The most the call may take. The output is cut to what is left, so that a small budget gets a short answer.

    Raises ConfigError for a model without a price, unless a token limit holds it.
    """
    if price is None and left.tokens is None:
        raise ConfigError(
            f"model {deployment.model} has no known price: set a token limit (--max-tokens or budget.tokens), or its "
            "input_usd_per_million and output_usd_per_million"
        )
    into, out = input_limit(question, extra), output_limit(deployment)
    if left.tokens is not None:
        out = min(out, max(LEAST_OUTPUT, left.tokens - into))
    if price is not None and left.usd is not None:
        out = min(out, max(LEAST_OUTPUT, price.affordable_output(left.usd, into)))
    cost = price.worst(into, out) if price else 0.0
    return Usage(tokens_in=into, tokens_out=out, cost_usd=cost, seconds=seconds, calls=1)


def seconds_for(left: Budget, limit_s: float) -> float:
    """How long one attempt may take: the limit, or what is left of the budget's seconds."""
    return limit_s if left.seconds is None else min(limit_s, left.seconds * SECONDS_SHARE)


def taken(answer: Answer, question: Question, price: Price | None, seconds: float) -> tuple[Answer, Usage]:
    """The answer and its usage; token counts are estimated (a quarter of the bytes) where the provider gave none."""
    if not answer.tokens_in and not answer.tokens_out:
        fields = {**answer.as_json(), "tokens_in": input_limit(question, {}) // 4, "estimated": True}
        said = answer.text + "".join(call.arguments for call in answer.calls)
        answer = Answer.from_json({**fields, "tokens_out": max(1, len(said.encode("utf-8", "surrogatepass")) // 4)})
    cost = 0.0
    if price is not None:
        cost = price.cost(answer.tokens_in, answer.cached_tokens, answer.tokens_out, answer.reasoning_tokens)
    return answer, answer.usage(cost, seconds)
