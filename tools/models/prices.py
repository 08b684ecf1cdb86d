"""What a model costs: configured prices, else the list that LiteLLM carries, read as data without importing it.

Rates are US dollars a token, as Decimals. A price list has steps: above so many input tokens the whole call is dearer.
"""

import functools
import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from opswright.errors import ConfigError
from opswright.nouns import Json
from opswright.settings import Deployment
from opswright.tools.models.groups import name_of

MILLION = Decimal(10**6)
_STEP = re.compile(r"_above_(\d+)k_tokens$")


@dataclass(frozen=True)
class Rate:
    """Dollars a token, from `above` input tokens on; `worst_input`: the dearest way an input token can be billed."""

    above: int
    input: Decimal
    cached: Decimal
    output: Decimal
    reasoning: Decimal
    worst_input: Decimal


@dataclass(frozen=True)
class Price:
    """The rates of one model, lowest step first, and what each call costs on top."""

    rates: tuple[Rate, ...]
    a_call: Decimal = Decimal(0)

    def cost(self, tokens_in: int, cached: int, tokens_out: int, reasoning: int) -> float:
        """Dollars for one call; `cached` are part of `tokens_in` and `reasoning` of `tokens_out`."""
        rate = [one for one in self.rates if one.above == 0 or tokens_in > one.above][-1]
        cached, reasoning = min(cached, tokens_in), min(reasoning, tokens_out)
        total = rate.input * (tokens_in - cached) + rate.cached * cached
        total += rate.output * (tokens_out - reasoning) + rate.reasoning * reasoning
        return float(total + self.a_call)

    def worst(self, tokens_in: int, tokens_out: int) -> float:
        """The most that so many tokens can cost, whatever is cached, written to a cache or reasoned."""
        dearest = max(rate.worst_input for rate in self.rates)
        output = max(max(rate.output, rate.reasoning) for rate in self.rates)
        return float(dearest * tokens_in + output * tokens_out + self.a_call)

    def affordable_output(self, usd: float, tokens_in: int) -> int:
        """How many output tokens the money pays for in the worst case, after the input."""
        output = max(max(rate.output, rate.reasoning) for rate in self.rates)
        left = Decimal(repr(usd)) - Decimal(repr(self.worst(tokens_in, 0)))
        if left <= 0:
            return 0
        return int(left / output) if output else 10**9


def price_of(deployment: Deployment) -> Price | None:
    """The configured price, else the listed one, else None. Raises ConfigError where only half of it is configured."""
    asked, said = deployment.input_usd_per_million, deployment.output_usd_per_million
    if (asked is None) != (said is None):
        raise ConfigError("set both input_usd_per_million and output_usd_per_million", f"model {deployment.model}")
    if asked is None or said is None:
        return listed_price(deployment.model)
    cached = deployment.cached_input_usd_per_million
    into, out = Decimal(str(asked)) / MILLION, Decimal(str(said)) / MILLION
    kept = into if cached is None else Decimal(str(cached)) / MILLION
    return Price((Rate(0, into, kept, out, out, max(into, kept)),))


@functools.cache
def listed_price(model: str) -> Price | None:
    """The price LiteLLM's list has for a model in LiteLLM's spelling; None where it has none (or is not installed)."""
    prefix, _, bare = model.partition("/")
    entries = _price_list()
    for name in (model, name_of(Deployment(model=model)), bare if bare else model):
        entry = entries.get(name)
        if entry is not None and (name != bare or entry.get("litellm_provider") == prefix):
            return _price(entry)
    return None


@functools.cache
def _price_list() -> Mapping[str, Mapping[str, Json]]:
    found = importlib.util.find_spec("litellm")  # finds the folder; runs nothing of it
    if found is None or found.origin is None:
        return {}
    file = Path(found.origin).with_name("model_prices_and_context_window_backup.json")
    entries: Mapping[str, Mapping[str, Json]] = json.loads(file.read_text(encoding="utf-8"))
    return entries


def _price(entry: Mapping[str, Json]) -> Price | None:
    if entry.get("input_cost_per_token") is None or entry.get("output_cost_per_token") is None:
        return None
    if not entry["input_cost_per_token"] and not entry["output_cost_per_token"] and _billed_otherwise(entry):
        return None
    steps = {int(found[1]) * 1000 for key in entry if (found := _STEP.search(key))}
    return Price(
        tuple(_rate(entry, above) for above in (0, *sorted(steps))),
        Decimal(str(entry.get("input_cost_per_request") or 0)),
    )


def _billed_otherwise(entry: Mapping[str, Json]) -> bool:
    """By the character, the second, the request: a zero price a token is then no price."""
    return any("_cost_per_" in name and isinstance(cost, int | float) and cost > 0 for name, cost in entry.items())


def _rate(entry: Mapping[str, Json], above: int) -> Rate:
    def rate(name: str, other: Decimal) -> Decimal:
        stepped = entry.get(f"{name}_above_{above // 1000}k_tokens") if above else None
        found = stepped if stepped is not None else entry.get(name)
        return other if found is None else Decimal(str(found))

    into, out = rate("input_cost_per_token", Decimal(0)), rate("output_cost_per_token", Decimal(0))
    cached = rate("cache_read_input_token_cost", into)
    written = rate("cache_creation_input_token_cost", into)
    reasoning = rate("output_cost_per_reasoning_token", out)
    return Rate(above, into, cached, out, reasoning, max(into, cached, written))
