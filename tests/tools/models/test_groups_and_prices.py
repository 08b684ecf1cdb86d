"""Tiers from settings, and what models cost."""

import subprocess
import sys
from typing import Any

import pytest

from opswright.errors import ConfigError
from opswright.nouns import Tier
from opswright.settings import Deployment, ModelSettings
from opswright.tools.models import groups
from opswright.tools.models.prices import listed_price, price_of

ALL = (Tier.LOW, Tier.MID, Tier.HIGH)


def offered() -> str:
    return "llama"


@pytest.mark.parametrize(
    "said, tiers, models",
    [
        ({}, (), []),
        ({"base_url": "http://x/v1"}, ALL, ["openai/llama"]),
        ({"base_url": "http://x/v1", "model": "meta/llama"}, ALL, ["openai/meta/llama"]),
        ({"base_url": "http://x/v1", "model": "openai/m"}, ALL, ["openai/m"]),
        ({"model": "gpt-4o-mini"}, ALL, ["gpt-4o-mini"]),
        ({"low": "openai/a,openai/b", "base_url": "http://x/v1"}, (Tier.LOW,), ["openai/a", "openai/b"]),
        ({"low": "openai/a", "high": "openai/*"}, (Tier.LOW, Tier.HIGH), ["openai/a"]),
    ],
)
def test_tiers_and_their_deployments(said: dict[str, Any], tiers: tuple[Tier, ...], models: list[str]) -> None:
    settings = ModelSettings.model_validate(said)
    assert settings.tiers() == tiers
    if tiers:
        assert [one.model for one in groups.deployments(settings, tiers[0], offered)] == models


def test_the_solver_and_a_missing_tier_have_no_model() -> None:
    settings = ModelSettings(low=(Deployment(model="m"),))
    for tier in (Tier.SOLVER, Tier.MID):
        with pytest.raises(ConfigError, match="no model is configured for tier"):
            groups.deployments(settings, tier, offered)


def test_reasoning_is_part_of_the_output_limit() -> None:
    assert groups.output_limit(Deployment(model="m", max_output_tokens=100)) == 100
    assert groups.output_limit(Deployment(model="m", max_output_tokens=100, reasoning="medium")) == 100 + 16384
    assert groups.output_limit(Deployment(model="m", max_output_tokens=100, max_reasoning_tokens=50)) == 150


def test_key_values_are_found_by_name() -> None:
    settings = ModelSettings(low=(Deployment(model="m", api_key_env="MY_SECRET"),))
    environment = {"MY_SECRET": "a", "OTHER_API_KEY": "b", "HOME": "c", "OPENAI_API_KEY": ""}
    assert sorted(groups.key_values(settings, environment)) == ["a", "b"]


@pytest.mark.parametrize(
    "model", ["gpt-4o-mini", "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro"]
)
def test_listed_prices_agree_with_litellm(model: str) -> None:
    from opswright.tools.models.calls import load

    litellm = load()
    price = listed_price(model)
    assert price is not None
    for tokens_in, cached, tokens_out in [(1000, 0, 500), (10_000, 4000, 0), (250_000, 100_000, 7000)]:
        usage = litellm.Usage(
            prompt_tokens=tokens_in,
            completion_tokens=tokens_out,
            total_tokens=tokens_in + tokens_out,
            prompt_tokens_details={"cached_tokens": cached},
        )
        answer = litellm.ModelResponse(model=model, usage=usage)
        theirs = litellm.completion_cost(completion_response=answer, model=model)
        ours = price.cost(tokens_in, cached, tokens_out, 0)
        assert ours == pytest.approx(theirs)
        assert price.worst(tokens_in, tokens_out) >= ours


@pytest.mark.parametrize("model", ["llama", "openai/llama", "nobody/gpt-4o-mini", "openai/nobody/gpt-4o-mini"])
def test_what_is_not_listed_has_no_price(model: str) -> None:
    assert listed_price(model) is None


def test_prices_are_read_without_importing_litellm() -> None:
    code = (
        "import sys; from opswright.tools.models.prices import listed_price; "
        "assert listed_price('gpt-4o-mini'); assert 'litellm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_configured_price_goes_before_the_list_and_must_be_whole() -> None:
    price = price_of(Deployment(model="gpt-4o-mini", input_usd_per_million=3, output_usd_per_million=9))
    assert price is not None
    assert price.cost(1_000_000, 0, 1_000_000, 0) == 12.0
    assert price.worst(1_000_000, 1_000_000) == 12.0
    with pytest.raises(ConfigError, match="set both"):
        price_of(Deployment(model="gpt-4o-mini", input_usd_per_million=3))


def test_affordable_output_is_the_most_that_still_fits() -> None:
    price = price_of(Deployment(model="m", input_usd_per_million=3, output_usd_per_million=9))
    assert price is not None
    most = price.affordable_output(0.01, 1000)
    assert price.worst(1000, most) <= 0.01 < price.worst(1000, most + 1)
    assert price.affordable_output(0.001, 1000) == 0
