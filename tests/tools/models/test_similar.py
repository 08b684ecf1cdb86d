"""The cache of similar questions: what hits, what must not, what a hit costs and says, and that it never fails work."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opswright.errors import ConfigError, EndpointFailed, ModelRetry
from opswright.knowledge.embedding.hashing import Hashing
from opswright.nouns import Tier
from opswright.settings import SemanticRule, Settings
from opswright.tools.models.cache import Cache, forget
from opswright.tools.models.gateway import Stores, open_gateway
from opswright.tools.models.prompts import Prompts
from opswright.tools.models.recording import Recording
from opswright.tools.models.similar import Embedding, Similar, Wording
from opswright.tools.models.talk import Answer, RawCall
from opswright.tools.models.toolcalls import Tool
from tests.processes import Child
from tests.tools.models.conftest import Bench, Fruit
from tests.tools.models.server import completion

Build = Callable[..., Bench]
GOOD = '{"name": "apple", "count": 3}'
RULES = {"test/ask": SemanticRule(threshold=0.5, days=1.0, mb=1)}
HASHING = Embedding("hashing", Hashing().embed)


@pytest.fixture
def prompts(tmp_path_factory: pytest.TempPathFactory) -> Prompts:
    """One prompt whose question may be worded differently, and one that does not say so."""
    root = tmp_path_factory.mktemp("prompts")
    (root / "test").mkdir()
    front = "version: 1\ninputs:\n  question: untrusted\n  file: untrusted\n  limit: trusted\n"
    body = "# user\n{{question}}\n{{file}}\nAt most {{limit}}.\n"
    (root / "test" / "ask.md").write_text(f"---\nid: test/ask\n{front}wording: [question]\n---\n{body}")
    (root / "test" / "plain.md").write_text(f"---\nid: test/plain\n{front}---\n{body}")
    return Prompts(root)


@pytest.fixture
def similar(tmp_path: Path) -> Similar:
    return Similar(tmp_path / "answers.sqlite3", RULES, HASHING)


def ask(it: Bench, question: str, *, prompt: str = "test/ask", file: str = "data", limit: int = 5, **more: Any) -> Any:
    return it.gateway.ask(
        Tier.LOW, prompt, {"question": question, "file": file, "limit": limit}, more.pop("shape", Fruit), **more
    )


FIRST, AGAIN = "How many apples are in the basket?", "how many apples are there in the basket"


def test_a_paraphrase_is_answered_for_nothing_and_says_so(bench: Build, similar: Similar) -> None:
    it = bench(stores=Stores(similar=similar))
    it.server.script(completion(GOOD))
    assert ask(it, FIRST) == ask(it, AGAIN)
    assert it.ledger.spent.calls == 1
    assert it.ledger.spent.cost_usd == pytest.approx(54e-6)
    first, second = it.trace
    assert (first["source"], second["source"]) == ("endpoint", "similar")
    assert 0 < second["distance"] < 0.5
    assert second["usage"]["cost_usd"] == 0
    assert second["question"] != first["question"]
    kept = similar.path.read_bytes()
    assert b"basket" not in kept and b"apples" not in kept


@pytest.mark.parametrize(
    "change",
    [
        {"question": "How many pears are in the basket?"},
        {"question": "How many apples are not in the basket?"},
        {"question": "How many apples are in the basket 2?"},
        {"file": "other data"},
        {"limit": 6},
    ],
    ids=str,
)
def test_what_matters_must_be_the_same(bench: Build, similar: Similar, change: Mapping[str, Any]) -> None:
    it = bench(stores=Stores(similar=similar))
    it.server.script(completion(GOOD), completion(GOOD))
    ask(it, FIRST)
    ask(it, **{"question": AGAIN, **change})
    assert [event["source"] for event in it.trace] == ["endpoint", "endpoint"]


def test_another_model_schema_or_tool_is_another_question(bench: Build, similar: Similar) -> None:
    class Pear(Fruit):
        ripe: bool = False

    it = bench(stores=Stores(similar=similar))
    it.server.script(completion(GOOD), completion(GOOD), completion("text"), completion("text"), completion("text"))
    ask(it, FIRST)
    ask(it, AGAIN, shape=Pear)
    inputs = {"question": FIRST, "file": "data", "limit": 5}
    tool = Tool("eat", "Eats.", Fruit)
    for tools, turns in (((), ()), ((tool,), ()), ((), ({"role": "user", "content": "before"},))):
        it.gateway.reply(Tier.LOW, "test/ask", inputs, tools=tools, turns=turns)
    assert it.gateway.reply(Tier.LOW, "test/ask", {**inputs, "question": AGAIN}).text == "text"
    assert [event["source"] for event in it.trace] == ["endpoint"] * 5 + ["similar"]


def test_a_hit_is_validated_for_the_new_question_and_otherwise_not_used(bench: Build, similar: Similar) -> None:
    def no_apples(fruit: Fruit) -> None:
        if fruit.name == "apple":
            raise ModelRetry("no apples")

    it = bench(stores=Stores(similar=similar))
    it.server.script(completion(GOOD), completion('{"name": "pear", "count": 3}'))
    ask(it, FIRST)
    assert ask(it, AGAIN, validator=no_apples).name == "pear"
    assert ask(it, "How many apples are in a basket?").name in ("apple", "pear")
    assert [event["source"] for event in it.trace] == ["endpoint", "endpoint", "similar"]


def test_answers_found_here_are_not_kept_again(bench: Build, similar: Similar) -> None:
    it = bench(stores=Stores(similar=similar))
    it.server.script(completion(GOOD))
    ask(it, FIRST)
    before = similar.path.read_bytes()
    ask(it, AGAIN)
    rows = similar._run(lambda database: database.execute("SELECT count(*) FROM similar").fetchone())
    assert rows == (1,)
    assert len(before) == len(similar.path.read_bytes())


def test_without_a_rule_nothing_is_similar_and_a_rule_needs_wording(bench: Build, similar: Similar) -> None:
    it = bench(stores=Stores(similar=replace(similar, rules={})))
    it.server.script(completion(GOOD), completion(GOOD))
    ask(it, FIRST)
    ask(it, AGAIN)
    assert [event["source"] for event in it.trace] == ["endpoint", "endpoint"]
    it = bench(stores=Stores(similar=replace(similar, rules={"test/plain": SemanticRule()})))
    with pytest.raises(ConfigError, match=r"models\.semantic_cache: `test/plain` has a rule, but"):
        ask(it, FIRST, prompt="test/plain")


def test_a_recording_is_complete(bench: Build, similar: Similar, tmp_path: Path) -> None:
    it = bench(stores=Stores(similar=similar, recording=Recording(tmp_path / "r.jsonl")))
    it.server.script(completion(GOOD), completion(GOOD))
    ask(it, FIRST)
    ask(it, AGAIN)
    assert [event["source"] for event in it.trace] == ["endpoint", "endpoint"]


def test_the_exact_cache_comes_first_and_a_stream_shows_a_hit(bench: Build, similar: Similar) -> None:
    it = bench(stores=Stores(cache=Cache(similar.path), similar=similar))
    it.server.script(completion("three"))
    inputs = {"question": FIRST, "file": "data", "limit": 5}
    it.gateway.reply(Tier.LOW, "test/ask", inputs)
    shown: list[str] = []
    it.gateway.reply(Tier.LOW, "test/ask", inputs, on_text=shown.append)
    it.gateway.reply(Tier.LOW, "test/ask", {**inputs, "question": AGAIN}, on_text=shown.append)
    assert shown == ["three", "three"]
    assert [event["source"] for event in it.trace] == ["endpoint", "cache", "similar"]


def test_an_embedder_that_fails_does_not_fail_the_work(bench: Build, similar: Similar) -> None:
    def down(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise EndpointFailed("down")

    it = bench(stores=Stores(similar=replace(similar, embedding=Embedding("hashing", down))))
    it.server.script(completion(GOOD), completion(GOOD))
    assert ask(it, FIRST) == ask(it, AGAIN)


@pytest.mark.parametrize("content", [b"not a database", b"SQLite format 3\x00" + b"x" * 4096], ids=["text", "torn"])
def test_a_damaged_file_does_not_fail_the_work(bench: Build, similar: Similar, content: bytes) -> None:
    similar.path.write_bytes(content)
    it = bench(stores=Stores(similar=similar))
    it.server.script(completion(GOOD), completion(GOOD))
    assert ask(it, FIRST) == ask(it, AGAIN)


# -- the cache by itself


def asked(text: str, question: str = "", **more: str) -> Wording:
    return Wording(more.get("category", "test/ask"), question or text, more.get("rest", "r"), (text,))


def test_a_damaged_row_is_no_hit(similar: Similar) -> None:
    similar.put(asked("one question"), Answer("1"))
    for change in ("vector = x'00'", "answer = '{'", "answer = '[]'", "vector = ''"):
        similar._run(lambda database, change=change: database.execute(f"UPDATE similar SET {change}"))  # type: ignore[misc]
        assert similar.find(asked("one question")) == []
        similar.put(asked("one question"), Answer("1"))
        assert len(similar.find(asked("one question"))) == 1


def test_threshold_lifetime_and_embedder_decide(tmp_path: Path) -> None:
    now = [1000.0]
    near = Embedding("e", lambda texts: [[0.8, 0.6] for _ in texts])
    rules = {"strict": SemanticRule(threshold=0.9, days=1), "loose": SemanticRule(threshold=0.75, days=1)}
    cache = Similar(tmp_path / "s.sqlite3", rules, near, clock=lambda: now[0])
    for category in rules:
        cache.put(asked("is it so", category, category=category), Answer(category))
    wanted = "is it so, please"  # the marks agree
    near_hit = Embedding("e", lambda texts: [[1.0, 0.0] for _ in texts])
    other = replace(cache, embedding=near_hit)
    assert other.find(asked(wanted, category="strict")) == []
    [hit] = other.find(asked(wanted, category="loose"))
    assert (hit.answer.text, hit.question) == ("loose", "loose")
    assert hit.distance == pytest.approx(0.2, abs=1e-6)
    assert replace(cache, embedding=Embedding("f", near_hit.embed)).find(asked(wanted, category="loose")) == []
    now[0] += 86401
    assert other.find(asked(wanted, category="loose")) == []


def test_the_quota_of_a_category_is_its_own_and_what_is_used_stays(tmp_path: Path) -> None:
    now = [1000.0]
    rules = {"a": SemanticRule(threshold=0.5, mb=1), "b": SemanticRule(threshold=0.5, mb=1)}
    small = Embedding("e", lambda texts: [[1.0] for _ in texts])
    cache = Similar(tmp_path / "s.sqlite3", rules, small, clock=lambda: now[0])
    big = Answer("x" * 400_000)
    cache.put(asked("kept", category="b"), big)
    for name in ("first", "second"):
        cache.put(asked(name, category="a"), big)
        now[0] += 1
    cache.used(cache.find(asked("first", category="a"))[0])
    now[0] += 1
    cache.put(asked("third", category="a"), big)
    assert [name for name in ("first", "second", "third") if cache.find(asked(name, category="a"))] == [
        "first",
        "third",
    ]
    assert cache.find(asked("kept", category="b"))


def test_tool_calls_are_never_kept(similar: Similar) -> None:
    similar.put(asked("delete it"), Answer("", (RawCall("1", "delete", "{}"),)))
    assert similar.find(asked("delete it")) == []


def test_the_nearest_come_first_and_no_more_than_three(tmp_path: Path) -> None:
    angles = iter([0.5, 0.1, 0.4, 0.2, 0.3, 0.0])
    turned = Embedding("e", lambda texts: [[math.cos(angle), math.sin(angle)] for angle in [next(angles)]])
    cache = Similar(tmp_path / "s.sqlite3", RULES, turned)
    for name in "abcde":
        cache.put(asked("it", name), Answer(name))
    assert [hit.question for hit in cache.find(asked("it"))] == ["b", "d", "e"]


def test_many_processes_write_and_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"

    def work(name: str) -> Callable[[Callable[[str], None]], None]:
        def write(say: Callable[[str], None]) -> None:
            cache = Similar(path, RULES, HASHING)
            for at in range(10):
                cache.put(asked(f"question {name}{at}"), Answer(f"{name}{at}"))
                say(cache.find(asked(f"question {name}{at}"))[0].answer.text)

        return write

    children = [Child(work(name)) for name in "xyz"]
    for name, child in zip("xyz", children, strict=True):
        assert child.lines() == [f"{name}{at}" for at in range(10)]
        assert child.wait() == 0
    cache = Similar(path, RULES, HASHING)
    assert all(cache.find(asked(f"question {name}{at}")) for name in "xyz" for at in range(10))


def test_answers_can_be_forgotten_by_question(tmp_path: Path) -> None:
    cache = Similar(tmp_path / "answers.sqlite3", RULES, HASHING)
    cache.put(asked("secret plan", "hash-1"), Answer("SWORDFISH"))
    cache.put(asked("other plan", "hash-2"), Answer("kept"))
    forget(tmp_path, {"hash-1"})
    assert b"SWORDFISH" not in cache.path.read_bytes()
    assert cache.find(asked("secret plan")) == []
    assert cache.find(asked("other plan"))


def test_the_settings_open_it(tmp_path: Path, bench: Build) -> None:
    folders = {name: tmp_path / name for name in ("state_dir", "cache_dir", "config_dir")}
    rules = {"test/ask": {"threshold": 0.9}}

    def opened(embedding: Embedding | None = HASHING, **models: Any) -> Similar | None:
        settings = Settings.model_validate({**folders, "models": {"semantic_cache": rules, **models}})
        return open_gateway(settings, bench().ledger, embedding=embedding)._stores.similar

    found = opened()
    assert found is not None and found.rules["test/ask"].threshold == 0.9
    assert opened(cache=False) is None
    assert opened(semantic_cache={}) is None
    assert opened(embedding=None) is None


def test_the_questions_text_is_nowhere_in_the_trace(bench: Build, similar: Similar) -> None:
    it = bench(stores=Stores(similar=similar))
    it.server.script(completion(GOOD))
    ask(it, FIRST)
    ask(it, AGAIN)
    assert "basket" not in json.dumps(it.trace)
