"""Embeddings over real HTTP: batches, charges, redaction, failures, record and replay."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opswright.agents.ledger import Ledger
from opswright.errors import BudgetSpent, ConfigError, EndpointFailed, InputError, ModelCallsForbidden, RecordingMissing
from opswright.nouns import Budget
from opswright.settings import MemorySettings, ModelSettings, Settings
from opswright.tools.models.embedding_calls import BATCH_BYTES, BATCH_TEXTS, batches
from opswright.tools.models.embeddings import Clocks, EndpointEmbedder, open_embeddings
from opswright.tools.models.vectors import VectorRecording
from tests.tools.models.server import KEY, Server, Step, refusal

ROOMY = Budget(tokens=1_000_000, seconds=1000)


class Bench:
    """An embedder over a scripted server."""

    def __init__(self, server: Server, budget: Budget = ROOMY, usd: float | None = 1.0, **more: Any) -> None:
        models = {"base_url": server.url, "timeout_s": 20.0, **more.pop("models", {})}
        memory = {"embedder": "endpoint", "embedding_model": "small", "embedding_usd_per_million": usd}
        self.ledger, self.trace, self.naps = Ledger(budget, lambda: 0.0), list[Any](), list[float]()
        more.setdefault("environment", {"OPENAI_API_KEY": KEY})
        self.embedder = EndpointEmbedder(
            ModelSettings.model_validate(models),
            MemorySettings.model_validate(memory | more.pop("memory", {})),
            self.ledger,
            trace=self.trace.append,
            clocks=Clocks(sleep=self.naps.append, jitter=lambda: 0.5),
            **more,
        )


Build = Callable[..., Bench]


@pytest.fixture
def bench(server: Server) -> Build:
    """Builds a bench over this test's server."""
    return lambda **options: Bench(server, **options)


def vectors(*rows: list[float], usage: int | None = 12, order: list[int] | None = None) -> Step:
    """An answer in OpenAI's form; `order`: the indexes in which its rows come."""
    places = order or list(range(len(rows)))
    said: dict[str, Any] = {"object": "list", "data": [{"index": at, "embedding": rows[at]} for at in places]}
    if usage is not None:
        said["usage"] = {"prompt_tokens": usage, "total_tokens": usage}
    return Step(body=json.dumps(said).encode())


def test_vectors_come_in_the_order_of_the_texts_with_unit_length_and_are_charged(bench: Build, server: Server) -> None:
    it = bench()
    server.script(vectors([3.0, 4.0], [0.0, 2.0], order=[1, 0]))
    assert [list(v) for v in it.embedder.embed(["one", "two"])] == [[0.6, 0.8], [0.0, 1.0]]
    assert server.requests == [{"model": "small", "input": ["one", "two"]}]
    assert server.keys == [KEY]
    spent = it.ledger.spent
    assert (spent.tokens_in, spent.tokens_out, spent.calls, spent.estimated) == (12, 0, 1, False)
    assert spent.cost_usd == pytest.approx(12e-6)
    assert (it.embedder.name, it.embedder.dimensions) == ("endpoint-small", 2)
    assert it.trace[0]["source"] == "endpoint"
    assert "one" not in json.dumps(it.trace)


def test_equal_texts_are_asked_for_once_and_none_costs_nothing(bench: Build, server: Server) -> None:
    it = bench()
    server.script(vectors([1.0, 0.0]))
    assert len(it.embedder.embed(["a", "a"])) == 2
    assert it.embedder.embed([]) == []
    assert it.ledger.spent.calls == 1


def test_many_texts_go_in_several_requests(bench: Build, server: Server) -> None:
    it = bench()
    server.script(vectors(*[[1.0]] * BATCH_TEXTS), vectors([1.0]))
    assert len(it.embedder.embed([f"text {at}" for at in range(BATCH_TEXTS + 1)])) == BATCH_TEXTS + 1
    assert [len(request["input"]) for request in server.requests] == [BATCH_TEXTS, 1]


def test_batches_hold_every_text_once_and_stay_small() -> None:
    texts = ["x" * (BATCH_BYTES - 1), "yy", "z" * (2 * BATCH_BYTES), *map(str, range(200))]
    found = list(batches(texts))
    assert [text for batch in found for text in batch] == texts
    assert all(len(batch) == 1 or sum(map(len, batch)) <= BATCH_BYTES for batch in found)
    assert max(map(len, found)) == BATCH_TEXTS


def test_secrets_and_halves_of_characters_are_not_sent(bench: Build, server: Server) -> None:
    it = bench(environment={"OPENAI_API_KEY": KEY, "OTHER": "swordfish-1"}, memory={"embedding_key_env": "OTHER"})
    server.script(vectors([1.0], [1.0], [1.0]))
    it.embedder.embed([f"key {KEY}", "password=hunter2secret and swordfish-1", "half \ud83d"])
    sent = json.dumps(server.requests)
    assert KEY not in sent and "hunter2" not in sent and "swordfish" not in sent
    assert server.keys == ["swordfish-1"]


def test_tokens_are_estimated_where_the_endpoint_does_not_count(bench: Build, server: Server) -> None:
    it = bench()
    server.script(vectors([1.0], usage=None))
    it.embedder.embed(["x" * 400])
    assert it.ledger.spent.estimated
    assert it.ledger.spent.tokens_in == 100


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(bench: Build, server: Server, status: int) -> None:
    it = bench()
    server.script(refusal(status, headers={"Retry-After": "3"}), vectors([1.0]))
    it.embedder.embed(["a"])
    assert it.naps == [3.0]
    assert it.ledger.spent.tokens_in == 12, "the refused call is not charged"


BAD = {
    "no JSON": Step(body=b"{"),
    "a web page": Step(body=b"<html>", content_type="text/html"),
    "a list": Step(body=b"[]"),
    "too few": vectors(),
    "the wrong index": Step(body=b'{"data": [{"index": 1, "embedding": [1.0]}]}'),
    "no numbers": Step(body=b'{"data": [{"index": 0, "embedding": ["x"]}]}'),
    "not finite": Step(body=b'{"data": [{"index": 0, "embedding": [NaN]}]}'),
    "empty": Step(body=b'{"data": [{"index": 0, "embedding": []}]}'),
    "null": Step(body=b'{"data": [{"index": 0, "embedding": null}]}'),
    "cut": Step(body=b'{"data": [{"index": 0, "embedding": [1.0]}]}', cut=20),
}


@pytest.mark.parametrize("step", BAD.values(), ids=BAD.keys())
def test_an_unreadable_answer_is_charged_in_full_and_ends_in_one_line(bench: Build, server: Server, step: Step) -> None:
    it = bench(models={"retries": 0})
    server.script(step)
    with pytest.raises(EndpointFailed, match=r"embedding endpoint 127\.0\.0\.1:\d+ \(small\)") as failed:
        it.embedder.embed(["abc"])
    assert "\n" not in str(failed.value)
    assert it.ledger.spent.tokens_in == 4, "the worst case"


def test_lengths_that_differ_are_refused(bench: Build, server: Server) -> None:
    it = bench(models={"retries": 0})
    server.script(vectors([1.0], [1.0, 1.0]), vectors([1.0]), vectors([1.0, 0.0]))
    with pytest.raises(EndpointFailed, match="different lengths"):
        it.embedder.embed(["a", "b"])
    it.embedder.embed(["a"])
    with pytest.raises(EndpointFailed, match="1 numbers for one text, 2 for another"):
        it.embedder.embed(["b"])


def test_a_hang_ends_at_the_time_limit(bench: Build, server: Server) -> None:
    it = bench(models={"timeout_s": 0.3, "retries": 0})
    server.script(Step(body=b" " * 100, cut=20, hang="drip"))
    with pytest.raises(EndpointFailed, match="did not answer within"):
        it.embedder.embed(["a"])


def test_a_refused_connection_costs_nothing(bench: Build) -> None:
    it = bench(models={"base_url": "http://127.0.0.1:9/v1", "retries": 1})
    with pytest.raises(EndpointFailed, match=r"127\.0\.0\.1:9 \(small\) cannot be reached"):
        it.embedder.embed(["a"])
    assert it.ledger.spent.tokens == 0
    assert len(it.naps) == 1


def test_a_refusal_says_what_the_endpoint_said_without_the_key(bench: Build, server: Server) -> None:
    it = bench()
    server.script(refusal(404, f"no model small for {KEY}"))
    with pytest.raises(EndpointFailed, match="no model small for") as failed:
        it.embedder.embed(["a"])
    assert KEY not in str(failed.value)
    server.script(refusal(401, "no"))
    with pytest.raises(EndpointFailed, match="the key in OPENAI_API_KEY is missing or refused"):
        it.embedder.embed(["a"])


def test_a_budget_is_held_and_an_unknown_price_needs_a_limit(bench: Build, server: Server) -> None:
    with pytest.raises(BudgetSpent):
        bench(budget=Budget(tokens=3)).embedder.embed(["four"])
    with pytest.raises(BudgetSpent):
        bench(budget=Budget(usd=1e-6)).embedder.embed(["four"])
    with pytest.raises(ConfigError, match="embedding_usd_per_million"):
        bench(budget=Budget(usd=1.0), usd=None).embedder.embed(["a"])
    assert server.requests == []
    server.script(vectors([1.0]))
    it = bench(budget=Budget(usd=1.0), usd=None, memory={"embedding_model": "text-embedding-3-small"})
    it.embedder.embed(["a"])
    assert it.ledger.spent.cost_usd == pytest.approx(12 * 0.02e-6), "LiteLLM's list knows the price"


def test_calls_can_be_forbidden_and_a_provider_needs_a_key(bench: Build) -> None:
    with pytest.raises(ModelCallsForbidden):
        bench(models={"calls": "forbid"}).embedder.embed(["a"])
    it = bench(models={"base_url": None}, environment={})
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        it.embedder.embed(["a"])
    assert it.ledger.spent.tokens == 0
    with pytest.raises(ConfigError, match="names no model"):
        bench(memory={"embedding_model": None})


def test_the_length_is_asked_for_where_nothing_was_embedded(bench: Build, server: Server) -> None:
    server.script(vectors([1.0, 0.0, 0.0]))
    assert bench().embedder.dimensions == 3


def test_nothing_is_fitted(bench: Build) -> None:
    embedder = bench().embedder
    assert embedder.fitted(["a"]) is embedder
    assert embedder.restored(embedder.state()) is embedder
    with pytest.raises(ValueError, match="no state"):
        embedder.restored(b"{}")


def test_record_and_replay_without_an_endpoint(bench: Build, server: Server, tmp_path: Path) -> None:
    path = tmp_path / "recordings" / "vectors.jsonl"
    it = bench(recording=VectorRecording(path))
    server.script(vectors([3.0, 4.0], [0.0, 1.0], usage=13), vectors([1.0, 0.0], usage=5))
    first = it.embedder.embed([f"about {KEY}", "two"])
    third = it.embedder.embed(["three"])
    assert KEY not in path.read_text() and "about" not in path.read_text() and "127.0.0.1" not in path.read_text()
    forbidding = {"calls": "forbid", "base_url": None}
    again = bench(recording=VectorRecording(path), replay=True, models=forbidding)
    assert again.embedder.embed([f"about {KEY}", "two"]) == first
    assert again.embedder.embed(["three"]) == third
    assert again.ledger.spent.tokens == it.ledger.spent.tokens == 18
    assert again.ledger.spent.cost_usd == pytest.approx(it.ledger.spent.cost_usd)
    assert again.embedder.embed([]) == []
    with pytest.raises(RecordingMissing, match=r"1 of 2 embeddings of small are not recorded.*OPSWRIGHT_RECORDING"):
        again.embedder.embed(["two", "four"])


def test_a_torn_recording_keeps_what_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "vectors.jsonl"
    VectorRecording(path).record("m", {"a": ((1.0,), 1), "b": ((0.5,), 2)})
    path.write_bytes(path.read_bytes()[:-20])
    VectorRecording(path).record("m", {"c": ((0.25,), 3)})
    kept = VectorRecording(path)
    assert kept.replay("m", ["a", "c"]) == [((1.0,), 1), ((0.25,), 3)]
    with pytest.raises(RecordingMissing):
        kept.replay("m", ["b"])
    with pytest.raises(RecordingMissing):
        kept.replay("other", ["a"])
    path.write_text("{}\n")
    with pytest.raises(InputError, match="not a recording"):
        VectorRecording(path).replay("m", ["a"])


def test_the_port_is_the_one_that_knowledge_states(bench: Build) -> None:
    from opswright.knowledge.embedding.ports import Embedder

    embedder: Embedder = bench().embedder
    assert embedder.name == "endpoint-small"


def test_the_settings_open_it_recording_and_replaying(server: Server, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("state_dir", "cache_dir", "config_dir")}
    memory = {"embedder": "endpoint", "embedding_model": "small", "embedding_usd_per_million": 0}

    def opened(**models: Any) -> EndpointEmbedder:
        settings = Settings.model_validate({**folders, "memory": memory, "models": models})
        return open_embeddings(settings, Ledger(ROOMY, lambda: 0.0), environment={})

    server.script(vectors([0.0, 2.0]))
    recorded = opened(recording="record", recordings=tmp_path / "r", base_url=server.url).embed(["a"])
    assert opened(recording="replay", recordings=tmp_path / "r").embed(["a"]) == recorded == [[0.0, 1.0]]
    assert (tmp_path / "r" / "embeddings.jsonl").is_file()
    with pytest.raises(ConfigError, match="names no folder"):
        opened(recording="replay")
