"""What the gateway makes of everything an endpoint can do, over real HTTP; and the ledger after each."""

from collections.abc import Callable

import pytest

from opswright.errors import BudgetSpent, ConfigError, EndpointFailed, ModelRetry
from opswright.nouns import Budget, Tier
from tests.tools.models.conftest import Bench, Fruit
from tests.tools.models.server import KEY, Step, completion, refusal, stream

GOOD = '{"name": "apple", "count": 3}'
Build = Callable[..., Bench]


def test_an_answer_is_read_and_settled_at_what_it_took(bench: Build) -> None:
    it = bench()
    it.server.script(completion(GOOD))
    assert it.ask() == Fruit(name="apple", count=3)
    spent = it.ledger.spent
    assert (spent.tokens_in, spent.tokens_out, spent.calls) == (40, 7, 1)
    assert spent.cost_usd == pytest.approx(40e-6 + 14e-6)
    assert it.ledger.remaining.tokens == 100_000 - 47, "nothing is still held back"
    assert it.server.keys == [KEY]
    request = it.server.requests[0]
    assert request["model"] == "scripted"
    assert request["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert "three apples" in request["messages"][1]["content"]


def test_cached_and_reasoning_tokens_are_counted(bench: Build) -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "total_tokens": 150,
        "prompt_tokens_details": {"cached_tokens": 80},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    it = bench(cached_input_usd_per_million=0.1)
    it.server.script(completion(GOOD, usage=usage))
    it.ask()
    assert it.ledger.spent.cached_tokens == 80
    assert it.ledger.spent.cost_usd == pytest.approx(20e-6 + 8e-6 + 100e-6)


def test_an_answer_without_usage_is_estimated_and_says_so(bench: Build) -> None:
    it = bench()
    it.server.script(completion(GOOD, usage=None))
    it.ask()
    assert it.ledger.spent.estimated
    assert it.ledger.spent.tokens_in > 50
    assert it.ledger.spent.tokens_out == len(GOOD) // 4


@pytest.mark.parametrize(
    "headers, nap",
    [({"Retry-After": "7"}, 7.0), ({}, 0.375), ({"Retry-After": "soon"}, 0.375)],
    ids=["as asked", "by backoff", "by backoff where it is nonsense"],
)
def test_429_waits_and_tries_again(bench: Build, headers: dict[str, str], nap: float) -> None:
    it = bench()
    it.server.script(refusal(429, "slow down", headers), completion(GOOD))
    assert it.ask().name == "apple"
    assert it.naps == [nap]
    assert it.ledger.spent.tokens == 47, "a refusal costs nothing"


def test_429_that_asks_to_wait_longer_than_is_left_ends_at_once(bench: Build) -> None:
    it = bench(budget=Budget(tokens=100_000, seconds=30))
    it.server.script(refusal(429, "slow down", {"Retry-After": "120"}))
    with pytest.raises(EndpointFailed, match="asks to wait 120 s where 29 s are left"):
        it.ask()
    assert it.naps == []
    assert it.ledger.spent.tokens == 0


def test_500_is_tried_again_with_growing_pauses_and_then_given_up(bench: Build) -> None:
    it = bench()
    it.server.script(refusal(500), refusal(503), refusal(500))
    with pytest.raises(EndpointFailed) as failed:
        it.ask()
    assert it.naps == [0.375, 0.75]
    assert str(failed.value).startswith(f"model endpoint {it.server.url[7:-3]} (openai/scripted) failed (500)")
    _one_clean_line(str(failed.value))
    assert it.ledger.spent.tokens == 0
    assert it.ledger.remaining.tokens == 100_000


def test_the_next_deployment_answers_where_the_first_fails(bench: Build) -> None:
    models = {
        "retries": 0,
        "low": [
            {"model": "openai/first", "input_usd_per_million": 1, "output_usd_per_million": 2},
            {"model": "openai/second", "input_usd_per_million": 1, "output_usd_per_million": 2},
        ],
    }
    it = bench(models=models)
    it.server.script(refusal(500), completion(GOOD))
    assert it.ask().name == "apple"
    assert [request["model"] for request in it.server.requests] == ["first", "second"]
    assert it.trace[-1]["answered_by"] == "openai/second"


UNREADABLE = {
    "malformed JSON": Step(body=b'{"choices": [{"mess'),
    "JSON of another kind": Step(body=b"[1, 2]"),
    "a web page": Step(body=b"<html>Welcome to the proxy</html>", content_type="text/html"),
    "plain text": Step(body=b"hello", content_type="text/plain"),
    "an empty body": Step(body=b""),
    "cut in mid-body": Step(body=completion(GOOD).body, cut=60),
    "cut after the headers": Step(body=completion(GOOD).body, cut=0),
    "no choices": Step(body=b'{"id": "x", "object": "chat.completion", "choices": []}'),
    "choices that are null": Step(body=b'{"id": "x", "object": "chat.completion", "choices": null}'),
    "a choice without a message": Step(body=b'{"id": "x", "object": "chat.completion", "choices": [{"index": 0}]}'),
    "not UTF-8": Step(body=b'{"choices": "\xff\xfe"}'),
}


@pytest.mark.parametrize("step", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_unreadable_answer_is_charged_in_full_and_asked_again(bench: Build, step: Step) -> None:
    it = bench()
    it.server.script(step, completion(GOOD))
    assert it.ask().name == "apple"
    spent = it.ledger.spent
    assert spent.calls == 2
    assert spent.tokens_out == 4096 + 7, "the worst case of the lost call, and what the other took"
    assert spent.estimated


@pytest.mark.parametrize("step", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_only_unreadable_answers_end_in_one_line(bench: Build, step: Step) -> None:
    it = bench(models={"retries": 0})
    it.server.script(step)
    with pytest.raises(EndpointFailed) as failed:
        it.ask()
    _one_clean_line(str(failed.value))


@pytest.mark.parametrize("where", ["headers", "body", "drip"])
def test_a_hang_ends_at_the_time_limit(bench: Build, where: str) -> None:
    it = bench(models={"timeout_s": 0.3, "retries": 0})
    it.server.script(Step(body=b" " * 10_000, cut=20, hang=where))  # type: ignore[arg-type]
    with pytest.raises(EndpointFailed, match="did not answer within"):
        it.ask()
    assert it.ledger.spent.tokens_out == 4096, "the call may have happened"


def test_a_refused_connection_costs_nothing(bench: Build) -> None:
    it = bench(models={"base_url": "http://127.0.0.1:9/v1"})
    with pytest.raises(EndpointFailed, match=r"127\.0\.0\.1:9 .* cannot be reached"):
        it.ask()
    assert len(it.naps) == 2, "it is tried again first"
    assert it.ledger.spent.tokens == 0


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_at_once_and_is_not_shown(bench: Build, status: int) -> None:
    it = bench()
    it.server.script(refusal(status, f"Incorrect API key provided: {KEY}"))
    with pytest.raises(EndpointFailed, match="the key in OPENAI_API_KEY") as failed:
        it.ask()
    _one_clean_line(str(failed.value))
    assert it.naps == []


@pytest.mark.parametrize("status", [402, 404, 413, 302])
def test_what_cannot_get_better_is_not_tried_again(bench: Build, status: int) -> None:
    it = bench()
    it.server.script(refusal(status, f"see {KEY}"))
    with pytest.raises(EndpointFailed, match=str(status)) as failed:
        it.ask()
    _one_clean_line(str(failed.value))


def test_an_answer_that_says_nothing_is_settled_at_what_it_took(bench: Build) -> None:
    it = bench()
    it.server.script(completion(""), completion(None), completion(GOOD))
    assert it.ask().name == "apple"
    assert it.ledger.spent.tokens == 3 * 47


def test_a_huge_answer_is_not_read_to_its_end(bench: Build) -> None:
    it = bench(models={"retries": 0})
    it.server.script(Step(body=b" " * (17 * 1024 * 1024)))
    with pytest.raises(EndpointFailed, match="beyond any size"):
        it.ask()


def test_an_answer_cut_at_the_token_limit_is_mended(bench: Build) -> None:
    it = bench()
    it.server.script(completion('{"name": "app', finish="length"), completion(GOOD))
    assert it.ask().name == "apple"
    assert "cut off" in it.server.requests[1]["messages"][-1]["content"]


def test_a_withheld_answer_is_an_error(bench: Build) -> None:
    it = bench()
    it.server.script(completion("", finish="content_filter"))
    with pytest.raises(EndpointFailed, match="content filter"):
        it.ask()


def test_a_small_budget_gets_a_shorter_answer_and_none_gets_no_call(bench: Build) -> None:
    it = bench(budget=Budget(tokens=3000))
    it.server.script(completion(GOOD))
    it.ask()
    assert 256 <= it.server.requests[0]["max_tokens"] < 3000
    it = bench(budget=Budget(tokens=500))
    with pytest.raises(BudgetSpent, match="500 left of the task's limit of 500 tokens"):
        it.ask()


def test_money_limits_the_answer_too(bench: Build) -> None:
    it = bench(budget=Budget(usd=0.004))
    it.server.script(completion(GOOD))
    it.ask()
    assert it.server.requests[0]["max_tokens"] < 2000
    with pytest.raises(BudgetSpent, match=r"limit of \$0.001"):
        bench(budget=Budget(usd=0.001)).ask()


def test_reasoning_is_reserved_with_the_answer(bench: Build) -> None:
    it = bench(reasoning="low")
    it.server.script(completion(GOOD))
    it.ask()
    assert it.server.requests[0]["max_tokens"] == 4096 + 4096
    assert it.server.requests[0]["reasoning_effort"] == "low"


def test_a_model_without_a_price_needs_a_token_limit(bench: Build) -> None:
    no_price = {"input_usd_per_million": None, "output_usd_per_million": None}
    with pytest.raises(ConfigError, match="no known price: set a token limit"):
        bench(budget=Budget(usd=1.0), **no_price).ask()
    it = bench(**no_price)
    it.server.script(completion(GOOD))
    assert it.ask().name == "apple"
    assert it.ledger.spent.cost_usd == 0


def test_a_provider_that_takes_more_than_it_may_blocks_what_follows(bench: Build) -> None:
    it = bench(budget=Budget(tokens=8000))
    usage = {"prompt_tokens": 9000, "completion_tokens": 9000, "total_tokens": 18000}
    it.server.script(completion(GOOD, usage=usage))
    assert it.ask().name == "apple"
    assert it.ledger.spent.tokens == 18000
    with pytest.raises(BudgetSpent):
        it.ask()


def test_the_one_model_of_an_endpoint_is_found_and_serves_all_tiers(bench: Build) -> None:
    it = bench(models={"low": []})
    assert list(it.gateway.available()) == [Tier.LOW, Tier.MID, Tier.HIGH]
    it.server.script(completion(GOOD), completion(GOOD))
    it.ask()
    it.ask(Tier.HIGH)
    assert [request["model"] for request in it.server.requests] == ["scripted", "scripted"]


def test_an_endpoint_with_several_models_needs_a_choice(bench: Build) -> None:
    it = bench(models={"low": []})
    it.server.models = ["a", "b"]
    with pytest.raises(ConfigError, match=r"offers 2 models \(a, b\); choose one with OPSWRIGHT_MODEL"):
        it.ask()
    it = bench(models={"low": [], "model": "b"})
    it.server.script(completion(GOOD))
    it.ask()
    assert it.server.requests[0]["model"] == "b"


def test_no_key_is_needed_at_an_own_endpoint(bench: Build) -> None:
    it = bench(environment={})
    it.server.script(completion(GOOD))
    assert it.ask().name == "apple"
    assert it.server.keys == ["none"]


def test_a_missing_key_of_a_provider_is_said_before_anything_is_sent(bench: Build) -> None:
    it = bench(environment={}, models={"base_url": None})
    with pytest.raises(ConfigError, match="environment variable OPENAI_API_KEY is not set"):
        it.ask()


def test_streams_are_not_left_open_by_a_caller_that_fails(bench: Build) -> None:
    class Mine(Exception):
        pass

    def fail(text: str) -> None:
        raise Mine

    it = bench()
    it.server.script(stream(["Hel", "lo"]))
    with pytest.raises(Mine):
        it.gateway.reply(Tier.LOW, "test/fruit", {"count": 1, "basket": ""}, on_text=fail)
    assert it.ledger.spent.tokens_out == 4096, "its cost is not known, so it is charged in full"


def test_three_bad_answers_end_in_a_retry_error(bench: Build) -> None:
    it = bench()
    it.server.script(completion("no"), completion("{}"), completion('{"name": 1, "count": "x"}'))
    with pytest.raises(ModelRetry, match="count"):
        it.ask()
    assert it.ledger.spent.calls == 3


def _one_clean_line(message: str) -> None:
    assert "\n" not in message
    assert KEY not in message
    assert "Traceback" not in message
    assert len(message) < 400
