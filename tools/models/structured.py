"""Answers in a shape: what the model is told, how its reply is read, and what it is told when the reply does not hold.

A shape is a pydantic model. Reading is strict in what counts: unknown fields, NaN and half an answer are refused; text
around the JSON is not, since models that were never told of schemas add it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeVar

from opswright.errors import ModelRetry
from opswright.nouns import Json
from opswright.tools.models.prompts import fenced
from opswright.tools.models.talk import Answer

Mode = Literal["schema", "tool", "prompt"]
MODES: tuple[Mode, ...] = ("schema", "tool", "prompt")  # best first; each is the fall back of the one before
REPAIRS = 2
ANSWER_TOOL = "answer"
LONGEST_ERROR = 1500  # characters
LONGEST_ECHO = 12_000
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL)
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)

Shape = TypeVar("Shape")
Validator = Callable[[Shape], None]  # raises ModelRetry with what the model should know


def schema_of(shape: type[Any]) -> dict[str, Json]:
    """The JSON schema of a shape, closed (no field beyond those it names) and without pydantic's titles."""
    schema: dict[str, Json] = shape.model_json_schema()
    _tidy(schema)
    return schema


def instruction(schema: Json) -> str:
    """The line that ends the system message, whatever the transport adds: the same question on every provider."""
    return (
        "Answer with one JSON object that fits this JSON schema, and nothing else:\n"
        f"{json.dumps(schema, sort_keys=True, ensure_ascii=False)}"
    )


def transport(mode: Mode, schema: Json) -> dict[str, Json]:
    """The request parameters that hold an answer to the schema in this mode."""
    if mode == "schema":
        named = {"name": ANSWER_TOOL, "schema": schema, "strict": _strict(schema)}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    if mode == "tool":
        tool = {"name": ANSWER_TOOL, "description": "Gives the answer.", "parameters": schema}
        return {
            "tools": [{"type": "function", "function": tool}],
            "tool_choice": {"type": "function", "function": {"name": ANSWER_TOOL}},
        }
    return {}


def text_of(answer: Answer) -> str:
    """The text that should hold the JSON. Raises ModelRetry for other tools, several calls and answers cut off."""
    if answer.finish == "length":
        raise ModelRetry("your answer was cut off at the token limit; give a shorter one, only the JSON object")
    if not answer.calls:
        return answer.text
    if others := sorted({call.name for call in answer.calls} - {ANSWER_TOOL}):
        raise ModelRetry(f"there is no tool {', '.join(others)[:100]}; answer with the JSON object")
    if len(answer.calls) > 1:
        raise ModelRetry("give one answer, not several")
    return answer.calls[0].arguments


def read(text: str, shape: type[Shape], validator: Validator[Shape] | None) -> Shape:
    """The instance that a reply's text holds. Raises ModelRetry with a message for the model."""
    from pydantic import ValidationError

    value = read_object(text)
    try:
        # Through JSON text again, so that pydantic reads it in JSON mode (a tuple is a list there, an enum a string).
        found: Shape = shape.model_validate_json(json.dumps(value), extra="forbid")  # type: ignore[attr-defined]
    except ValidationError as error:
        raise ModelRetry(_said(error.errors(include_url=False, include_input=False))) from None
    if validator is not None:
        validator(found)
    return found


def read_object(text: str) -> dict[str, Json]:
    """The one JSON object in a text. Raises ModelRetry."""
    text = _THOUGHT.sub("", text).strip()
    fenced = _FENCE.search(text)
    candidates = [text, fenced[1] if fenced else "", text[text.find("{") : text.rfind("}") + 1]]
    problem = "the answer is empty"
    for candidate in filter(None, (one.strip() for one in candidates)):
        try:
            value = json.loads(candidate, parse_constant=_no_constant)
        except RecursionError:
            problem = "the JSON is nested too deeply"
        except ValueError as error:
            problem = f"not JSON: {error}"
        else:
            if isinstance(value, dict):
                return value
            problem = "the answer must be a JSON object"
    raise ModelRetry(problem[:LONGEST_ERROR])


def repair(answer: Answer, problem: str) -> list[Mapping[str, Json]]:
    """The two messages that let the model mend its answer."""
    said = answer.text or "".join(call.arguments for call in answer.calls) or "(nothing)"
    if len(said) > LONGEST_ECHO:  # what a model says must not decide how dear the next question is
        said = f"{said[:LONGEST_ECHO]} ... ({len(said) - LONGEST_ECHO} more characters)"
    what = fenced("problem", problem[:LONGEST_ERROR])
    told = f"That answer does not hold:\n{what}\nGive the whole corrected JSON object, nothing else."
    return [{"role": "assistant", "content": said}, {"role": "user", "content": told}]


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _said(errors: list[Any]) -> str:
    lines = [f"{'.'.join(map(str, error['loc'])) or 'the object'}: {error['msg']}" for error in errors[:6]]
    if len(errors) > 6:
        lines.append(f"and {len(errors) - 6} more")
    return "; ".join(lines)[:LONGEST_ERROR]


def _parts(schema: Json) -> Iterator[Json]:
    """The schemas directly inside one."""
    for keyword in ("properties", "$defs"):
        yield from schema.get(keyword, {}).values()
    for keyword in ("anyOf", "allOf", "oneOf", "prefixItems"):
        yield from schema.get(keyword, ())
    yield from (
        schema[keyword] for keyword in ("items", "additionalProperties") if isinstance(schema.get(keyword), dict)
    )


def _tidy(schema: Json) -> None:
    schema.pop("title", None)
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    for part in _parts(schema):
        _tidy(part)


def _strict(schema: Json) -> bool:
    """Whether it is what providers demand of a strict schema: typed everywhere, closed, no optional field."""
    if not {"type", "$ref", "anyOf", "enum", "const"} & set(schema):
        return False
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or set(schema.get("required", ())) != set(schema.get("properties", ()))
    ):
        return False
    return all(_strict(part) for part in _parts(schema))
