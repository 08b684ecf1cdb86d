"""Cache, recording, redaction, trace and the switch, through the gateway."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from opswright.errors import ConfigError, InputError, ModelCallsForbidden, ModelRetry, RecordingMissing
from opswright.nouns import Budget, Tier
from opswright.settings import Deployment
from opswright.tools.models.cache import Cache, Keep
from opswright.tools.models.gateway import Stores
from opswright.tools.models.recording import Recording
from opswright.tools.models.talk import Answer, Question
from tests.tools.models.conftest import Bench, Fruit
from tests.tools.models.server import KEY, completion

Build = Callable[..., Bench]
GOOD = '{"name": "apple", "count": 3}'


def test_the_second_asking_is_answered_from_the_cache_for_nothing(bench: Build, tmp_path: Path) -> None:
    it = bench(stores=Stores(cache=Cache(tmp_path / "answers.sqlite3")))
    it.server.script(completion(GOOD))
    assert it.ask() == it.ask()
    spent = it.ledger.spent
    assert (spent.calls, spent.tokens, spent.cached_tokens) == (1, 94, 47)
    assert spent.cost_usd == pytest.approx(54e-6), "of the first"
    assert [event["source"] for event in it.trace] == ["endpoint", "cache"]
    assert (tmp_path / "answers.sqlite3").stat().st_mode & 0o077 == 0


def test_a_hit_is_validated_again_and_dropped_where_it_no_longer_holds(bench: Build, tmp_path: Path) -> None:
    it = bench(stores=Stores(cache=Cache(tmp_path / "answers.sqlite3")))
    it.server.script(completion(GOOD), completion('{"name": "pear", "count": 3}'))

    def no_apples(fruit: Fruit) -> None:
        if fruit.name == "apple":
            raise ModelRetry("no apples")

    assert it.ask().name == "apple"
    assert it.ask(validator=no_apples).name == "pear"
    assert it.ask().name == "pear", "the new answer took the place of the old one"


def test_an_answer_that_did_not_hold_is_not_cached(bench: Build, tmp_path: Path) -> None:
    it = bench(stores=Stores(cache=Cache(tmp_path / "answers.sqlite3")))
    it.server.script(*[completion("no")] * 3, completion(GOOD))
    with pytest.raises(ModelRetry):
        it.ask()
    assert it.ask().name == "apple"


@pytest.mark.parametrize("content", [b"not a database", b""], ids=["damaged", "empty"])
def test_a_damaged_cache_does_not_fail_the_work(bench: Build, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "answers.sqlite3").write_bytes(content)
    it = bench(stores=Stores(cache=Cache(tmp_path / "answers.sqlite3")))
    it.server.script(completion(GOOD))
    assert it.ask().name == "apple"


def test_a_cache_that_cannot_be_made_does_not_fail_the_work(bench: Build, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    it = bench(stores=Stores(cache=Cache(tmp_path / "file" / "answers.sqlite3")))
    it.server.script(completion(GOOD), completion(GOOD))
    assert it.ask() == it.ask()


def test_cache_entries_age_and_give_way_by_category(tmp_path: Path) -> None:
    now = [1000.0]
    size = len(json.dumps(Answer("x" * 100).as_json()))
    keeps = {"short": Keep(days=1), "small": Keep(size_bytes=2 * size)}
    cache = Cache(tmp_path / "c.sqlite3", keeps=keeps, clock=lambda: now[0])
    cache.put("a", "short", Answer("a"))
    cache.put("b", "long", Answer("b"))
    now[0] += 2 * 86400
    assert cache.get("a", "short") is None
    assert cache.get("b", "long") == Answer("b")
    for name in ("1", "2"):
        cache.put(name, "small", Answer("x" * 100))
        now[0] += 1
    assert cache.get("1", "small") is not None, "used, so the other one is now the oldest"
    now[0] += 1
    cache.put("3", "small", Answer("x" * 100))
    found = [name for name in ("1", "2", "3") if cache.get(name, "small")]
    assert found == ["1", "3"]
    assert cache.get("b", "long") == Answer("b"), "another category's quota is its own"


def test_record_and_replay_elsewhere_without_endpoint_key_or_settings(bench: Build, tmp_path: Path) -> None:
    path = tmp_path / "recordings" / "fruit.jsonl"
    it = bench(stores=Stores(recording=Recording(path)), temperature=0.5, reasoning="low")
    it.server.script(completion('{"name": "apple"}'), completion(GOOD))
    assert it.ask().name == "apple"
    text = path.read_text()
    assert "three apples" not in text, "not the prompt's text"
    assert it.server.url[7:-3] not in text, "nor the endpoint"
    assert KEY not in text
    header = json.loads(text.splitlines()[0])
    assert header["what"].startswith("answers of a model, recorded through an OpenAI-compatible endpoint")
    assert header["token_counts"] == "reported"
    assert header["prompts"][0].startswith("test/fruit@")
    again = bench(
        stores=Stores(recording=Recording(path), replay=True),
        environment={},
        models={"low": [], "base_url": "http://192.0.2.1/v1", "calls": "forbid"},
    )
    assert again.ask() == Fruit(name="apple", count=3)
    assert again.ledger.spent.tokens == it.ledger.spent.tokens == 94
    assert again.ledger.spent.cost_usd == pytest.approx(it.ledger.spent.cost_usd)


def test_counts_that_an_endpoint_only_guesses_are_recorded_as_estimates(bench: Build, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    it = bench(stores=Stores(recording=Recording(path)), models={"token_counts": "estimated"})
    it.server.script(completion(GOOD))
    it.ask()
    assert it.ledger.spent.estimated
    assert Recording(path).header()["token_counts"] == "estimated"
    again = bench(stores=Stores(recording=Recording(path), replay=True))
    again.ask()
    assert again.ledger.spent.estimated


def test_a_replay_never_calls(bench: Build, tmp_path: Path) -> None:
    recording = Recording(tmp_path / "none.jsonl", command="opswright eval run fruit --record")
    it = bench(stores=Stores(recording=recording, replay=True))
    with pytest.raises(RecordingMissing, match="record it with opswright eval run fruit --record"):
        it.ask()


def test_a_replay_asks_the_recorded_model_whatever_is_configured(bench: Build, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    it = bench(stores=Stores(recording=Recording(path)))
    it.server.script(completion(GOOD))
    it.ask()
    replayed = Stores(recording=Recording(path), replay=True)
    assert bench(stores=replayed, model="openai/another", temperature=1.0).ask().name == "apple"


def test_recorded_answers_are_held_to_the_validator_too(bench: Build, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    it = bench(stores=Stores(recording=Recording(path)))
    it.server.script(completion(GOOD))
    it.ask()

    def never(fruit: Fruit) -> None:
        raise ModelRetry("never")

    with pytest.raises(RecordingMissing):  # the mended question was never asked
        bench(stores=Stores(recording=Recording(path), replay=True)).ask(validator=never)


@pytest.mark.parametrize(
    "text", ["{}\n", '{"what": "x"}\n', "no json\n", '{"what": 1}\n{"question"', "[]\n"], ids=range(5)
)
def test_what_is_no_recording_is_refused(bench: Build, tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=r"r\.jsonl: is not a"):
        bench(stores=Stores(recording=Recording(path), replay=True)).ask()


def test_two_recorders_of_one_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    first, second = Recording(path), Recording(path)
    deployment = Deployment(model="m")
    for number in range(6):
        question = Question("m", "a/b", "h", ({"role": "user", "content": str(number)},))
        (first if number % 2 else second).record(question, Answer(str(number)), Tier.LOW, deployment)
    assert len(path.read_text().splitlines()) == 7
    assert first.replay(Question("m", "a/b", "h", ({"role": "user", "content": "4"},))).text == "4"
    assert [file.name for file in tmp_path.iterdir()] == ["r.jsonl"], "no temporary file is left"


def test_a_question_hashes_alike_everywhere_and_apart_where_it_differs() -> None:
    question = Question("m", "a/b", "h", ({"role": "user", "content": "x"},))
    assert question.hash == "aec63b63746e90ebae88360077ce6932f76506729f3039e4e6389cc54bcaaec5", (
        "changing what is hashed makes every recording useless"
    )
    others = [
        Question("n", "a/b", "h", question.messages),
        Question("m", "a/b", "i", question.messages),
        Question("m", "a/b", "h", ({"role": "user", "content": "y"},)),
        Question("m", "a/b", "h", question.messages, temperature=0.0),
        Question("m", "a/b", "h", question.messages, reasoning="low"),
        Question("m", "a/b", "h", question.messages, schema={}),
    ]
    assert len({one.hash for one in [question, *others]}) == 7


@pytest.mark.parametrize("by", ["environment", "settings"])
def test_the_switch_forbids_calls(bench: Build, by: str) -> None:
    keys = {"OPSWRIGHT_FORBID_MODEL_CALLS": "1"} if by == "environment" else {}
    it = bench(environment=keys, models={"calls": "forbid" if by == "settings" else "allow"})
    with pytest.raises(ModelCallsForbidden):
        it.ask()
    with pytest.raises(ModelCallsForbidden):
        bench(environment=keys, models={"low": [], "calls": "forbid" if by == "settings" else "allow"}).ask()
    assert bool(it.gateway.available()) == (by == "environment")


def test_a_tier_without_a_model_is_a_configuration_error(bench: Build) -> None:
    with pytest.raises(ConfigError, match="no model is configured for tier high"):
        bench().ask(Tier.HIGH)
    with pytest.raises(ConfigError, match="no model is configured for tier solver"):
        bench(models={"low": []}).ask(Tier.SOLVER)


def test_secrets_are_cut_before_anything_is_sent_or_stored(bench: Build, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    it = bench(stores=Stores(recording=Recording(path)))
    it.server.script(completion(json.dumps({"name": f"the key is {KEY}", "count": 1})))
    secrets = f"{KEY} AKIAIOSFODNN7EXAMPLE postgres://me:hunter2@host/db password=hunter2"
    found = it.gateway.ask(Tier.LOW, "test/fruit", {"count": 1, "basket": secrets}, Fruit)
    for place in (json.dumps(it.server.requests), path.read_text(), found.name, json.dumps(it.trace)):
        assert KEY not in place
        assert "hunter2" not in place
        assert "AKIAIOSFODNN7EXAMPLE" not in place


def test_the_trace_has_ids_and_usage_and_no_text(bench: Build) -> None:
    it = bench()
    it.server.script(completion("no"), completion(GOOD))
    it.ask()
    assert [event["turn"] for event in it.trace] == [0, 1]
    event = it.trace[1]
    assert (event["tier"], event["prompt"], event["usage"]["tokens_out"]) == ("low", "test/fruit", 7)
    assert len(event["question"]) == 64
    assert "apple" not in json.dumps(it.trace)


def test_a_gateway_for_another_task_has_its_own_meter(bench: Build) -> None:
    from opswright.agents.ledger import Ledger

    it = bench()
    it.server.script(completion(GOOD), completion(GOOD))
    other = Ledger(Budget(tokens=50_000), lambda: 0.0)
    it.gateway.metered(other).ask(Tier.LOW, "test/fruit", {"count": 1, "basket": ""}, Fruit)
    it.ask()
    assert other.spent.tokens == it.ledger.spent.tokens == 47
