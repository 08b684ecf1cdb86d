"""One attempt at one deployment, through LiteLLM; every way it can end is an `Answer` or a `CallFailed`.

LiteLLM takes 5 seconds of CPU to import, so only a real call does that. Its own retries, budgets, caches and callbacks
are not used.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opswright.errors import ConfigError
from opswright.nouns import Json
from opswright.settings import Deployment
from opswright.tools.models import wire
from opswright.tools.models.failures import CallFailed, read_failure
from opswright.tools.models.groups import DEFAULT_KEY, name_of
from opswright.tools.models.talk import Answer, Question, RawCall

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"  # local servers ask for no key; the client library insists on one
OnText = Callable[[str], None]


@dataclass(frozen=True)
class Attempt:
    """Where and how one request goes out. `extra` are the transport's parameters (response format, forced tool)."""

    deployment: Deployment
    base_url: str | None
    timeout_s: float
    max_tokens: int
    extra: Mapping[str, Json]
    environment: Mapping[str, str]
    now: Callable[[], float]
    on_text: OnText | None = None


def load() -> Any:
    """LiteLLM, quiet and offline. Raises ConfigError where it is not installed."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch its price list at import
    os.environ["LITELLM_MODE"] = "PRODUCTION"  # it would take a `.env` above it, a project's perhaps, for our own
    try:
        import litellm
    except ImportError as error:
        raise ConfigError("model calls need the extra `models`: pip install 'opswright[models]'") from error
    import logging

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
    return litellm


def call(question: Question, attempt: Attempt) -> Answer:
    """Sends a question once. Raises CallFailed, ConfigError."""
    litellm = load()
    facts = wire.Facts()
    provider, name = _provider(litellm, attempt)
    request = _request(question, attempt, provider, name)
    http = None
    if provider == "openai":
        http = wire.client(facts, attempt.timeout_s, attempt.now)
        request["client"] = _openai_client(attempt, http)
    failures = _failures()

    def failed(error: Exception) -> CallFailed:
        return read_failure(error, facts, attempt.deployment.api_key_env, attempt.timeout_s, provider == "openai")

    try:
        try:
            said = litellm.completion(**request)
        except failures as error:
            raise failed(error) from error
        return _streamed(said, attempt.on_text, failures, failed) if attempt.on_text else _whole(said)
    finally:
        if http is not None:
            http.close()


def offered_models(base_url: str, attempt: Attempt) -> list[str]:
    """The names that an OpenAI-compatible endpoint lists. Raises CallFailed."""
    import httpx

    facts = wire.Facts()
    key = attempt.environment.get(attempt.deployment.api_key_env) or NO_KEY
    http = wire.client(facts, attempt.timeout_s, attempt.now)
    try:
        reply = http.get(f"{base_url.rstrip('/')}/models", headers={"Authorization": f"Bearer {key}"})
        reply.raise_for_status()
        return [str(one["id"]) for one in reply.json()["data"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise read_failure(error, facts, attempt.deployment.api_key_env, attempt.timeout_s, True) from error
    finally:
        http.close()


def _provider(litellm: Any, attempt: Attempt) -> tuple[str, str]:
    """LiteLLM's provider and the name it is asked for; anything with an address of its own speaks OpenAI's protocol."""
    prefix, _, rest = attempt.deployment.model.partition("/")
    known = {str(getattr(one, "value", one)) for one in litellm.provider_list}
    if not rest or prefix == "openai" or prefix not in known:
        return "openai", name_of(attempt.deployment)
    return prefix, rest


def _key(attempt: Attempt, provider: str) -> str | None:
    """The key; None leaves it to LiteLLM's own variable for that provider, never to the key of another one."""
    name = attempt.deployment.api_key_env
    if provider != "openai" and name == DEFAULT_KEY:
        return None
    key = attempt.environment.get(name)
    if not key and (provider != "openai" or attempt.base_url is None):
        raise ConfigError(f"the environment variable {name} is not set", f"model {attempt.deployment.model}")
    return key or NO_KEY


def _openai_client(attempt: Attempt, http: Any) -> Any:
    import openai

    return openai.OpenAI(
        api_key=_key(attempt, "openai"),
        base_url=attempt.base_url or OPENAI_URL,
        http_client=http,
        max_retries=0,
        timeout=attempt.timeout_s,
    )


def _request(question: Question, attempt: Attempt, provider: str, name: str) -> dict[str, Any]:
    deployment = attempt.deployment
    request: dict[str, Any] = {
        "model": name if provider == "openai" else deployment.model,
        "messages": [dict(message) for message in question.messages],
        "max_tokens": attempt.max_tokens,
        "timeout": attempt.timeout_s,
        "max_retries": 0,
        "num_retries": 0,
        "api_key": _key(attempt, provider),
        **attempt.extra,
    }
    if provider == "openai":
        request["custom_llm_provider"] = "openai"
        request["api_base"] = attempt.base_url or OPENAI_URL
        # LiteLLM refuses what it does not know of a model; the endpoint itself is the one to say so.
        request["allowed_openai_params"] = [
            "reasoning_effort",
            "temperature",
            "response_format",
            "tools",
            "tool_choice",
        ]
    else:
        request["drop_params"] = True
        if deployment.base_url:
            request["api_base"] = deployment.base_url
    if question.temperature is not None:
        request["temperature"] = question.temperature
    if question.reasoning is not None:
        request["reasoning_effort"] = question.reasoning
    if attempt.on_text:
        request["stream"], request["stream_options"] = True, {"include_usage": True}
    return request


def _whole(said: Any) -> Answer:
    usage = getattr(said, "usage", None)
    if not said.choices:
        raise CallFailed("answered without a choice", charged=True, again=True, counted=_counted("", (), "", usage))
    choice = said.choices[0]
    calls = tuple(_raw_call(one.id, one.function) for one in choice.message.tool_calls or ())
    return _answer(choice.message.content, calls, str(choice.finish_reason), usage)


def _failures() -> tuple[type[Exception], ...]:
    """LiteLLM's errors are the client library's; beside them escapes what odd replies make its code trip over."""
    import httpx
    import openai

    return (openai.OpenAIError, httpx.HTTPError, AttributeError, LookupError, TypeError, ValueError)


def _guarded(
    chunks: Iterator[Any], failures: tuple[type[Exception], ...], failed: Callable[[Exception], CallFailed]
) -> Iterator[Any]:
    """The chunks; only what the library raises is taken for the endpoint's failure, not what their reader raises."""
    while True:
        try:
            chunk = next(chunks)
        except StopIteration:
            return
        except failures as error:
            raise failed(error) from error
        yield chunk


def _streamed(
    said: Any, on_text: OnText, failures: tuple[type[Exception], ...], failed: Callable[[Exception], CallFailed]
) -> Answer:
    text: list[str] = []
    calls: dict[int, dict[str, str]] = {}
    for chunk in _guarded(iter(said), failures, failed):
        if not chunk.choices:
            continue
        delta = chunk.choices[0].delta
        if delta.content:
            text.append(delta.content)
            on_text(delta.content)
        for part in delta.tool_calls or ():
            one = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
            one["id"] = one["id"] or part.id or ""
            one["name"] += part.function.name or ""
            one["arguments"] += part.function.arguments or ""
    if said.received_finish_reason is None:
        raise CallFailed("cut its answer off in mid-stream", charged=True, again=True)
    usages = [one.usage for one in said.chunks if getattr(one, "usage", None) is not None]
    raw = tuple(RawCall(one["id"], one["name"], one["arguments"]) for _, one in sorted(calls.items()))
    return _answer("".join(text), raw, str(said.received_finish_reason), usages[-1] if usages else None)


def _raw_call(id: str, function: Any) -> RawCall:
    return RawCall(str(id), str(function.name or ""), str(function.arguments or ""))


def _answer(text: Any, calls: tuple[RawCall, ...], finish: str, usage: Any) -> Answer:
    if text is not None and not isinstance(text, str):
        raise CallFailed("answered with content that is not text", charged=True, again=True)
    answer = _counted(text or "", calls, finish, usage)
    if finish == "content_filter":
        raise CallFailed("withheld its answer (content filter)", charged=True, again=False, counted=answer)
    if not text and not calls and finish != "length":
        raise CallFailed("answered with nothing", charged=True, again=True, counted=answer)
    return answer


def _counted(text: str, calls: tuple[RawCall, ...], finish: str, usage: Any) -> Answer:
    """Token counts are kept as the provider gives them; without any the gateway estimates."""
    inside, outside = getattr(usage, "prompt_tokens_details", None), getattr(usage, "completion_tokens_details", None)
    return Answer(
        text,
        calls,
        finish,
        _count(usage, "prompt_tokens"),
        _count(usage, "completion_tokens"),
        _count(inside, "cached_tokens"),
        _count(outside, "reasoning_tokens"),
        bool(getattr(usage, "estimated", False)),
    )


def _count(source: Any, name: str) -> int:
    value = getattr(source, name, None)
    return max(0, int(value)) if isinstance(value, int | float) else 0
