"""LiteLLM's complexity router as a peer: which tier it names for a request, by its own rules and defaults."""

import functools
from typing import Any

COMPLEXITY = "complexity_tier"  # a row's key: the tier it names for the case's request
_TIERS = {"SIMPLE": "low", "MEDIUM": "mid", "COMPLEX": "high", "REASONING": "high"}


@functools.cache
def _router() -> Any:
    from opswright.tools.models.calls import load

    litellm = load()  # set up as the gateway does: no network, no messages of its own
    from litellm.router_strategy.complexity_router.complexity_router import ComplexityRouter

    return ComplexityRouter("opswright", litellm.Router(model_list=[]))


def complexity_tier(request: str) -> str:
    """`low`, `mid` or `high`: it has no tier without a model."""
    tier, _, _ = _router().classify(request)
    return _TIERS[tier.value]
