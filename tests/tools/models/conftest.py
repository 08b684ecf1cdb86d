"""Fixtures of the gateway's tests: one server a test, a clock and a sleep that only remember."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel

from opswright.agents.ledger import Ledger
from opswright.nouns import Budget, Tier
from opswright.settings import ModelSettings
from opswright.tools.models.endpoints import Endpoints
from opswright.tools.models.gateway import Gateway, Stores
from opswright.tools.models.prompts import Prompts
from tests.tools.models.server import KEY, Server

ROOMY = Budget(tokens=100_000, seconds=1000)
NO_STORES = Stores()


class Fruit(BaseModel):
    """The shape the tests ask for."""

    name: str
    count: int


@dataclass
class Bench:
    """A gateway over a scripted server, and all that can be looked at afterwards."""

    server: Server
    gateway: Gateway
    ledger: Ledger
    naps: list[float] = field(default_factory=list)
    trace: list[Mapping[str, Any]] = field(default_factory=list)

    def ask(self, tier: Tier = Tier.LOW, **options: Any) -> Any:
        """The usual question."""
        inputs = {"count": 3, "basket": "three apples"}
        return self.gateway.ask(tier, "test/fruit", inputs, Fruit, **options)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server whose script has to be used up exactly."""
    running = Server()
    yield running
    running.close()
    running.finished()


@pytest.fixture
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    """A folder with one prompt of its own, so that these tests do not hang on the program's."""
    root = tmp_path_factory.mktemp("prompts")
    (root / "test").mkdir()
    (root / "test" / "fruit.md").write_text(
        "---\nid: test/fruit\nversion: 1\ninputs:\n  count: trusted\n  basket: untrusted\n---\n"
        "# system\nYou count fruit.\n# user\nThere are {{count}} in:\n{{basket}}\n"
    )
    return Prompts(root)


@pytest.fixture
def bench(server: Server, prompts: Prompts) -> Callable[..., Bench]:
    """Builds a bench; options are `budget`, `stores`, `models` (settings) and fields of the deployment."""

    def build(
        budget: Budget = ROOMY,
        stores: Stores = NO_STORES,
        models: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        **deployment: Any,
    ) -> Bench:
        low = {"model": "openai/scripted", "input_usd_per_million": 1.0, "output_usd_per_million": 2.0, **deployment}
        said = {"base_url": server.url, "low": [low], "timeout_s": 20.0, "retries": 2, **(models or {})}
        settings = ModelSettings.model_validate(said)
        keys = {"OPENAI_API_KEY": KEY} if environment is None else environment
        ledger = Ledger(budget, lambda: 0.0)
        naps: list[float] = []
        trace: list[Mapping[str, Any]] = []
        endpoints = Endpoints(settings, keys, sleep=naps.append, jitter=lambda: 0.5)
        gateway = Gateway(
            settings, ledger, stores=stores, trace=trace.append, prompts=prompts, environment=keys, endpoints=endpoints
        )
        return Bench(server, gateway, ledger, naps, trace)

    return build
