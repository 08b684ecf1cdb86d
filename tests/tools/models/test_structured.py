"""Answers in a shape: the three forms over the wire, the repair loop, the validator; and reading, as a table."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel

from opswright.errors import EndpointFailed, ModelRetry
from opswright.tools.models import structured
from tests.tools.models.conftest import Bench, Fruit
from tests.tools.models.server import completion, refusal

Build = Callable[..., Bench]
GOOD = '{"name": "apple", "count": 3}'


def test_a_server_without_schemas_is_asked_by_tool_and_then_by_prompt(bench: Build) -> None:
    it = bench()
    no = refusal(400, "unknown parameter")
    it.server.script(no, no, completion(GOOD), completion(GOOD))
    assert it.ask().count == 3
    first, second, third = it.server.requests
    assert "response_format" in first
    assert second["tool_choice"] == {"type": "function", "function": {"name": "answer"}}
    assert not {"response_format", "tools", "tool_choice"} & set(third)
    it.ask(validator=lambda fruit: None)
    assert "response_format" not in it.server.requests[3], "what the endpoint cannot do is remembered"
    assert it.naps == []
    assert it.ledger.spent.tokens == 2 * 47


def test_an_answer_by_forced_tool_call(bench: Build) -> None:
    it = bench(structured="tool")
    it.server.script(completion(None, [("answer", GOOD)], finish="tool_calls"))
    assert it.ask() == Fruit(name="apple", count=3)


def test_a_request_that_is_wrong_in_every_form_ends_with_what_the_server_said(bench: Build) -> None:
    it = bench()
    it.server.script(*[refusal(400, "the model is asleep")] * 3, completion(GOOD))
    with pytest.raises(EndpointFailed, match="the model is asleep"):
        it.ask()
    it.ask()
    assert "response_format" in it.server.requests[3], "nothing was learnt about forms"


def test_the_repair_loop_shows_the_problem_and_the_answer(bench: Build) -> None:
    it = bench()
    it.server.script(completion('{"name": "apple"}'), completion("{"), completion(GOOD))
    assert it.ask().count == 3
    roles = [message["role"] for message in it.server.requests[2]["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "count: Field required" in it.server.requests[1]["messages"][-1]["content"]
    assert it.server.requests[1]["messages"][-2]["content"] == '{"name": "apple"}'


def test_a_huge_wrong_answer_is_not_sent_back_whole(bench: Build) -> None:
    it = bench()
    it.server.script(completion('{"name": "' + "x" * 50_000), completion(GOOD))
    it.ask()
    assert 12_000 < len(it.server.requests[1]["messages"][2]["content"]) < 12_100


def test_the_validator_always_decides(bench: Build) -> None:
    def even(fruit: Fruit) -> None:
        if fruit.count % 2:
            raise ModelRetry("the count must be even")

    it = bench()
    it.server.script(completion(GOOD), completion('{"name": "apple", "count": 4}'))
    assert it.ask(validator=even).count == 4
    assert "the count must be even" in it.server.requests[1]["messages"][-1]["content"]
    it.server.script(*[completion(GOOD)] * 3)
    with pytest.raises(ModelRetry, match="must be even"):
        it.ask(validator=even)


class Colour(StrEnum):
    RED = "red"


class Nested(BaseModel):
    colour: Colour
    pair: tuple[int, int]
    free: dict[str, Any] = {}


READABLE = {
    "plain": '{"colour": "red", "pair": [1, 2]}',
    "fenced": 'Here it is:\n```json\n{"colour": "red", "pair": [1, 2]}\n```\nDone.',
    "fenced without a language": '```\n{"colour": "red", "pair": [1, 2]}\n```',
    "in prose": 'The answer is {"colour": "red", "pair": [1, 2]}, I think.',
    "after thinking": '<think>maybe {"colour": "blue"}?</think>\n{"colour": "red", "pair": [1, 2]}',
}


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE.keys())
def test_reading_what_models_write(text: str) -> None:
    assert structured.read(text, Nested, None) == Nested(colour=Colour.RED, pair=(1, 2))


REFUSED = {
    "nothing": ("", "empty"),
    "a list": ("[1]", "must be a JSON object"),
    "a number": ("7", "must be a JSON object"),
    "NaN": ('{"colour": "red", "pair": [1, 2], "free": {"x": NaN}}', "NaN is not JSON"),
    "infinity": ('{"colour": "red", "pair": [1, 2], "free": {"x": -Infinity}}', "not JSON"),
    "an unknown field": ('{"colour": "red", "pair": [1, 2], "approve": true}', "approve"),
    "half an answer": ('{"colour": "red", "pair": [1,', "not JSON"),
    "another value": ('{"colour": "blue", "pair": [1, 2]}', "colour"),
    "too deep": ('{"colour": "red", "pair": [1, 2], "free": {"x": ' + "[" * 100_000 + "]" * 100_000 + "}}", "deeply"),
    "a lone surrogate": ('{"colour": "\\ud800", "pair": [1, 2]}', "colour|JSON|surrogate"),
    "a number of 5,000 digits": ('{"colour": "red", "pair": [1, ' + "9" * 5000 + "]}", "digits|pair"),
}


@pytest.mark.parametrize("text, problem", REFUSED.values(), ids=REFUSED.keys())
def test_reading_refuses(text: str, problem: str) -> None:
    with pytest.raises(ModelRetry, match=problem) as refused:
        structured.read(text, Nested, None)
    assert len(str(refused.value)) <= structured.LONGEST_ERROR


def test_unknown_fields_are_refused_inside_too() -> None:
    class Outer(BaseModel):
        inner: Fruit

    with pytest.raises(ModelRetry, match="limit"):
        structured.read('{"inner": {"name": "a", "count": 1, "limit": 9}}', Outer, None)


def test_a_schema_is_strict_only_where_providers_take_it_so() -> None:
    class Loose(BaseModel):
        anything: Any

    class Optional(BaseModel):
        name: str = "x"

    def strict(shape: type[BaseModel]) -> bool:
        return bool(
            structured.transport("schema", structured.schema_of(shape))["response_format"]["json_schema"]["strict"]
        )

    assert strict(Fruit)
    assert not strict(Loose)
    assert not strict(Optional)
    assert not strict(Nested)
