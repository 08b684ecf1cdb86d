"""Tools that a model may call: offered by the caller, and nothing but what was offered ever comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opswright.errors import ModelRetry
from opswright.nouns import Json
from opswright.tools.models.prompts import fenced
from opswright.tools.models.structured import read, schema_of
from opswright.tools.models.talk import Answer, RawCall


@dataclass(frozen=True)
class Tool:
    """One tool as it is offered; `arguments` is the pydantic model of what it takes."""

    name: str
    description: str
    arguments: type[Any]


@dataclass(frozen=True)
class ToolCall:
    """A call of an offered tool, `arguments` an instance of its model. Whether to run it is the caller's decision."""

    id: str
    name: str
    arguments: Any


@dataclass(frozen=True)
class Reply:
    """What a model answered: text, calls or both."""

    text: str
    calls: tuple[ToolCall, ...]
    raw_calls: tuple[RawCall, ...] = ()

    def turn(self) -> dict[str, Json]:
        """This reply as a message, for the next question of the conversation."""
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in self.raw_calls
        ]
        return {"role": "assistant", "content": self.text, **({"tool_calls": calls} if calls else {})}


def result_turn(call: ToolCall, text: str) -> Mapping[str, Json]:
    """What a tool gave, as a message: untrusted, so fenced."""
    return {"role": "tool", "tool_call_id": call.id, "content": fenced(call.name, text)}


def definition(tool: Tool) -> dict[str, Json]:
    """The tool in OpenAI's form."""
    function = {"name": tool.name, "description": tool.description, "parameters": schema_of(tool.arguments)}
    return {"type": "function", "function": function}


def read_reply(answer: Answer, tools: Sequence[Tool]) -> Reply:
    """Raises ModelRetry for a tool that was not offered, for arguments that do not fit, and for an answer cut off."""
    if answer.finish == "length":
        raise ModelRetry("your answer was cut off at the token limit; give a shorter one")
    offered = {tool.name: tool for tool in tools}
    calls = []
    for raw in answer.calls:
        if raw.name not in offered:
            raise ModelRetry(f"there is no tool {raw.name[:60]}; there are: {', '.join(sorted(offered)) or 'none'}")
        try:
            arguments = read(raw.arguments or "{}", offered[raw.name].arguments, None)
        except ModelRetry as error:
            raise ModelRetry(f"arguments of {raw.name}: {error}") from None
        calls.append(ToolCall(raw.id, raw.name, arguments))
    return Reply(answer.text, tuple(calls), answer.calls)
