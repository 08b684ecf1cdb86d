"""Which deployments stand behind a tier, read from the settings; nothing here calls anything.

The simple case is one OpenAI-compatible endpoint: with `base_url` (or OPENAI_BASE_URL) and no tier configured, all
three tiers are the one model that `model` (or OPSWRIGHT_MODEL) names or, failing that, the only one the endpoint has.
"""

import os
from collections.abc import Callable, Mapping

from opswright.errors import ConfigError
from opswright.nouns import Tier
from opswright.settings import Deployment, ModelSettings
from opswright.settings.shape import MODEL_TIERS, ONLY_MODEL, OPENAI

DEFAULT_KEY = "OPENAI_API_KEY"
FORBID = "OPSWRIGHT_FORBID_MODEL_CALLS"
# What reasoning may use on top of the answer, by effort: reserved with it, and allowed to the endpoint with it.
REASONING_TOKENS: Mapping[str, int] = {"none": 0, "minimal": 1024, "low": 4096, "medium": 16384, "high": 32768}


def deployments(models: ModelSettings, tier: Tier, offered: Callable[[], str]) -> tuple[Deployment, ...]:
    """The deployments of a tier, first choice first; `offered` asks the endpoint for its one model, where needed.

    Raises ConfigError where none is configured.
    """
    found = models.group(tier)
    if not found:
        raise ConfigError(f"no model is configured for tier {tier}; set OPENAI_BASE_URL or [models] {tier}")
    return tuple(
        one.model_copy(update={"model": OPENAI + offered()}) if one.model == ONLY_MODEL else one for one in found
    )


def name_of(deployment: Deployment) -> str:
    """The model's name without the prefix that only says how to talk to it; what hashes and prices go by."""
    return deployment.model.removeprefix(OPENAI)


def output_limit(deployment: Deployment) -> int:
    """The most tokens one answer may take, its reasoning included."""
    reasoning = deployment.max_reasoning_tokens
    if reasoning is None:
        reasoning = REASONING_TOKENS[deployment.reasoning or "none"]
    return deployment.max_output_tokens + reasoning


def key_values(models: ModelSettings, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The secret values that must never be sent, stored or shown."""
    named = {one.api_key_env for tier in MODEL_TIERS for one in models.group(tier)} | {DEFAULT_KEY}
    return tuple(value for name, value in environment.items() if value and (name in named or name.endswith("_API_KEY")))


def forbidden(models: ModelSettings, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the settings or the environment forbid model calls."""
    return models.calls == "forbid" or environment.get(FORBID, "") not in ("", "0")
