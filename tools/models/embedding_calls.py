"""One request for embeddings: how texts are put into requests, what goes over the wire, and how the answer is read."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opswright.nouns import Json
from opswright.tools.models import wire
from opswright.tools.models.failures import read_failure
from opswright.tools.models.vectors import Vector

if TYPE_CHECKING:
    import httpx

BATCH_TEXTS, BATCH_BYTES = 64, 256 * 1024


@dataclass(frozen=True)
class Request:
    """Where and how a request goes out. `key_name`: the variable the key is from; `now`: epoch seconds."""

    base_url: str
    model: str
    key: str = field(repr=False)
    key_name: str
    limit_s: float
    now: Callable[[], float]


def post(request: Request, batch: Sequence[str]) -> tuple[list[Vector], int | None]:
    """A unit vector for each text, and the tokens they took (None: not said). Raises CallFailed."""
    import httpx

    facts = wire.Facts()
    http = wire.client(facts, request.limit_s, request.now)
    try:
        reply = http.post(
            f"{request.base_url.rstrip('/')}/embeddings",
            json={"model": request.model, "input": list(batch)},
            headers={"Authorization": f"Bearer {request.key}"},
        )
        if not reply.is_success:
            raise httpx.HTTPStatusError(_refusal(reply), request=reply.request, response=reply)
        return _read(reply.json(), len(batch))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError, AttributeError) as error:
        raise read_failure(error, facts, request.key_name, request.limit_s, True) from error
    finally:
        http.close()


def batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """At most so many texts and so many bytes a request; a longer text goes alone."""
    batch: list[str] = []
    size = 0
    for text in texts:
        long = len(text.encode())
        if batch and (len(batch) == BATCH_TEXTS or size + long > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += long
    if batch:
        yield batch


def _read(said: Json, count: int) -> tuple[list[Vector], int | None]:
    """Raises ValueError, LookupError, TypeError or AttributeError where the answer is not what was asked for."""
    rows = {int(row["index"]): row["embedding"] for row in said["data"]}
    if sorted(rows) != list(range(count)):
        raise ValueError(f"{len(rows)} embeddings for {count} texts")
    vectors = [_unit([float(value) for value in rows[at]]) for at in range(count)]
    if len({len(vector) for vector in vectors}) != 1:
        raise ValueError("embeddings of different lengths")
    tokens = (said.get("usage") or {}).get("prompt_tokens")
    return vectors, int(tokens) if isinstance(tokens, int | float) and tokens > 0 else None


def _unit(values: list[float]) -> Vector:
    length = math.sqrt(math.fsum(value * value for value in values))
    if not values or not math.isfinite(length):
        raise ValueError("an embedding that is empty or not finite")
    return tuple(value / length for value in values) if length else tuple(values)


def _refusal(reply: "httpx.Response") -> str:
    """What the endpoint says of its refusal, in OpenAI's form or as the start of its text."""
    try:
        return str(reply.json()["error"]["message"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return reply.text[:160]


def shares_of(tokens: int, batch: Sequence[str]) -> dict[str, int]:
    """The tokens of a request, spread over its texts by their length; they add up."""
    total, given, shares = sum(len(text) + 1 for text in batch), 0, {}
    passed = 0
    for text in batch:
        passed += len(text) + 1
        shares[text] = tokens * passed // total - given
        given += shares[text]
    return shares
