"""What is asked of a model and what it answers, as plain values that hash the same on every machine."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from opswright.nouns import Json, Usage, digest


@dataclass(frozen=True)
class Question:
    """One request as the program means it: no address, no key, no way of transport. Already redacted.

    `schema` is the JSON schema of the shape an answer must have; `tools` are OpenAI's tool definitions.
    """

    model: str
    prompt: str
    prompt_hash: str
    messages: tuple[Mapping[str, Json], ...]
    schema: Json = None
    tools: tuple[Json, ...] = ()
    temperature: float | None = None
    reasoning: str | None = None
    max_tokens: int = 4096

    @property
    def hash(self) -> str:
        """What caches and recordings are kept under."""
        return digest(asdict(self))

    @property
    def category(self) -> str:
        """The prompt's area: cache lifetimes and quotas go by it."""
        return self.prompt.partition("/")[0]


@dataclass(frozen=True)
class RawCall:
    """One tool call as the model wrote it; `arguments` is text that may be anything."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Answer:
    """One reply with the provider's token counts; `estimated` where it gave none. Reasoning is part of `tokens_out`."""

    text: str
    calls: tuple[RawCall, ...] = ()
    finish: str = "stop"
    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    def as_json(self) -> dict[str, Json]:
        """Plain values, for a cache or a recording."""
        return asdict(self)

    @staticmethod
    def from_json(value: Any) -> "Answer":
        """Raises TypeError, KeyError or ValueError where `value` is not what `as_json` gave."""
        fields = dict(value)
        calls = tuple(
            RawCall(str(call["id"]), str(call["name"]), str(call["arguments"])) for call in fields.pop("calls")
        )
        return Answer(calls=calls, **fields)

    def usage(self, cost_usd: float, seconds: float = 0.0) -> Usage:
        """What it took."""
        return Usage(
            self.tokens_in, self.tokens_out, self.cached_tokens, cost_usd, seconds, calls=1, estimated=self.estimated
        )
