"""Embeddings of an OpenAI-compatible endpoint: in batches, metered, redacted, recorded and replayed.

It has the shape of the Embedder port (knowledge/embedding/ports.py), which it does not import: tools and knowledge know
nothing of each other. Nothing is fitted, so its state is empty.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from opswright.errors import ConfigError, EndpointFailed, ModelCallsForbidden
from opswright.nouns import Json, Usage, as_json
from opswright.redaction import Redactor
from opswright.settings import Deployment, MemorySettings, ModelSettings, Settings
from opswright.settings.shape import OPENAI
from opswright.tools.models import groups
from opswright.tools.models.calls import NO_KEY, OPENAI_URL
from opswright.tools.models.embedding_calls import Request, batches, post, shares_of
from opswright.tools.models.endpoints import BACKOFF_S, LONGEST_BACKOFF_S
from opswright.tools.models.failures import CallFailed
from opswright.tools.models.metering import Meter, seconds_for
from opswright.tools.models.prices import Price, price_of
from opswright.tools.models.vectors import Vector, VectorRecording

PROBE = "opswright"  # what is embedded to learn the dimensions before there is anything else
Trace = Callable[[Mapping[str, Json]], None]


@dataclass(frozen=True)
class Clocks:
    """Time as the client sees it: elapsed seconds, epoch seconds, waiting, and a number from 0 to 1 for jitter."""

    elapsed: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class EndpointEmbedder:
    """Implements Embedder for one meter. `replay`: from the recording alone. Safe between threads."""

    def __init__(
        self,
        models: ModelSettings,
        memory: MemorySettings,
        meter: Meter,
        *,
        recording: VectorRecording | None = None,
        replay: bool = False,
        trace: Trace | None = None,
        environment: Mapping[str, str] | None = None,
        clocks: Clocks = Clocks(),
    ) -> None:
        if not memory.embedding_model:
            raise ConfigError("memory.embedder is `endpoint`, and memory.embedding_model names no model")
        if replay and recording is None:
            raise ConfigError("a replay needs a recording: set models.recordings")
        self.model = memory.embedding_model
        self._models, self._memory, self._meter, self._clocks = models, memory, meter, clocks
        self._recording, self._replay, self._trace = recording, replay, trace
        self._environment = os.environ if environment is None else environment
        key = self._environment.get(memory.embedding_key_env, "")
        self._redactor = Redactor((*groups.key_values(models, self._environment), *((key,) if key else ())))
        self._dimensions: int | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The same endpoint model, the same vectors."""
        return f"endpoint-{self.model}"

    @property
    def dimensions(self) -> int:
        """The length of the model's vectors; asked of the endpoint where nothing was embedded yet (it may cost)."""
        if self._dimensions is None:
            self.embed([PROBE])
        assert self._dimensions is not None
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector a text; texts are redacted first, and equal ones are asked for once.

        Raises EndpointFailed, BudgetSpent, ConfigError, RecordingMissing, StoreFailed and ModelCallsForbidden.
        """
        sent = [self._redactor.text(text).encode("utf-8", "replace").decode() for text in texts]
        wanted = list(dict.fromkeys(sent))
        found: dict[str, Vector] = {}
        if self._replay and wanted:
            found = self._replayed(wanted)
        elif not self._replay:
            for batch in batches(wanted):
                found.update(self._asked(batch))
        for vector in found.values():
            self._note(len(vector))
        return [list(found[text]) for text in sent]

    def fitted(self, texts: Sequence[str]) -> "EndpointEmbedder":
        """Itself: the model is what it is."""
        return self

    def state(self) -> bytes:
        """Empty."""
        return b""

    def restored(self, state: bytes) -> "EndpointEmbedder":
        """Itself. Raises ValueError for a state, which is another embedder's."""
        if state:
            raise ValueError(f"{self.name} has no state")
        return self

    def _note(self, dimensions: int) -> None:
        with self._lock:
            if self._dimensions not in (None, dimensions):
                lengths = f"{self._dimensions} numbers for one text, {dimensions} for another"
                raise EndpointFailed(f"embedding endpoint {self._address()} ({self.model}) gave {lengths}")
            self._dimensions = dimensions

    def _replayed(self, texts: Sequence[str]) -> dict[str, Vector]:
        """The recorded vectors, charged as when they were recorded."""
        assert self._recording is not None
        kept = self._recording.replay(self.model, texts)
        price, tokens = self._price(), sum(tokens for _, tokens in kept)
        usage = Usage(tokens_in=tokens, cost_usd=price.cost(tokens, 0, 0, 0) if price else 0.0, calls=1)
        with self._meter.reserve(usage, "stored embeddings") as hold:
            hold.settle(usage)
        self._say(len(texts), source="recording", usage=as_json(usage))
        return {text: vector for text, (vector, _) in zip(texts, kept, strict=True)}

    def _asked(self, batch: Sequence[str]) -> dict[str, Vector]:
        """One request with its retries. Raises EndpointFailed."""
        if groups.forbidden(self._models, self._environment):
            raise ModelCallsForbidden(
                f"model calls are forbidden here ({groups.FORBID} or models.calls); use a recording, or allow them"
            )
        retries, clocks = self._models.retries, self._clocks
        give_up = clocks.elapsed() + seconds_for(self._meter.remaining, self._models.timeout_s * (retries + 1))
        for tries in range(retries + 1):
            try:
                return self._once(batch, give_up)
            except CallFailed as failure:
                longest = min(LONGEST_BACKOFF_S, BACKOFF_S * 2.0**tries)
                wait_s = longest * (0.5 + clocks.jitter() / 2) if failure.wait_s is None else failure.wait_s
                if not failure.again or tries == retries or wait_s >= give_up - clocks.elapsed():
                    self._say(len(batch), source="endpoint", failed="EndpointFailed")
                    message = f"embedding endpoint {self._address()} ({self.model}) {failure}"
                    raise EndpointFailed(self._redactor.text(message)) from None
                clocks.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, batch: Sequence[str], give_up: float) -> dict[str, Vector]:
        """Reserves, calls, settles, records."""
        price, left, clocks = self._price(), self._meter.remaining, self._clocks
        if price is None and left.tokens is None:
            raise ConfigError(
                f"embedding model {self.model} has no known price: set memory.embedding_usd_per_million (0 for a "
                "server of your own) or a token limit (--max-tokens, budget.tokens)"
            )
        limit_s = max(0.001, seconds_for(left, min(self._models.timeout_s, give_up - clocks.elapsed())))
        most = sum(len(text.encode()) + 1 for text in batch)  # no token is less than a byte
        worst = Usage(tokens_in=most, cost_usd=price.worst(most, 0) if price else 0.0, seconds=limit_s, calls=1)
        request, started = self._request(limit_s), clocks.elapsed()
        with self._meter.reserve(worst, f"embeddings of {self.model}") as hold:
            try:
                vectors, tokens = post(request, batch)
            except CallFailed as failure:
                if not failure.charged:
                    hold.settle(Usage(calls=1, seconds=clocks.elapsed() - started))
                raise
            estimated = tokens is None or self._models.token_counts == "estimated"
            counted = max(1, most // 4) if tokens is None else tokens
            cost = price.cost(counted, 0, 0, 0) if price else 0.0
            seconds = clocks.elapsed() - started
            usage = Usage(tokens_in=counted, cost_usd=cost, seconds=seconds, calls=1, estimated=estimated)
            hold.settle(usage)
        self._say(len(batch), source="endpoint", usage=as_json(usage))
        found = dict(zip(batch, vectors, strict=True))
        if self._recording is not None:
            shares = shares_of(counted, batch)
            self._recording.record(self.model, {text: (found[text], shares[text]) for text in batch})
        return found

    def _request(self, limit_s: float) -> Request:
        base_url, name = self._base_url(), self._memory.embedding_key_env
        key = self._environment.get(name)
        if not key and base_url == OPENAI_URL:
            raise ConfigError(f"the environment variable {name} is not set", f"embedding model {self.model}")
        return Request(base_url, self.model, key or NO_KEY, name, limit_s, self._clocks.now)

    def _price(self) -> Price | None:
        model, usd = OPENAI + self.model, self._memory.embedding_usd_per_million
        if usd is None:
            return price_of(Deployment(model=model))
        return price_of(Deployment(model=model, input_usd_per_million=usd, output_usd_per_million=0.0))

    def _base_url(self) -> str:
        return self._memory.embedding_base_url or self._models.base_url or OPENAI_URL

    def _address(self) -> str:
        """Host and port only: no path, no user, no password."""
        return urlsplit(self._base_url()).netloc.rpartition("@")[2] or "?"

    def _say(self, texts: int, **more: Json) -> None:
        if self._trace is not None:
            self._trace({"model": self.model, "what": "embeddings", "texts": texts, **more})


def open_embeddings(
    settings: Settings, meter: Meter, *, trace: Trace | None = None, environment: Mapping[str, str] | None = None
) -> EndpointEmbedder:
    """The embedder behind the endpoint that the settings describe, recording or replaying as the models do.

    The file is `embeddings.jsonl` in the settings' folder of recordings. Raises ConfigError.
    """
    mode, folder = settings.models.recording, settings.models.recordings
    if mode != "off" and folder is None:
        raise ConfigError(f"models.recording is {mode}, and models.recordings names no folder")
    return EndpointEmbedder(
        settings.models,
        settings.memory,
        meter,
        recording=VectorRecording(folder / "embeddings.jsonl") if mode != "off" and folder is not None else None,
        replay=mode == "replay",
        trace=trace,
        environment=environment,
    )
