"""The HTTP client under the OpenAI-compatible calls: it knows what happened on the wire, and when enough is enough.

Libraries above it fold most failures into one error. Whether a request was sent, what status came back and how long to
wait decide between a retry, a charge and an error, so they are noted here. The total time limit and the size limit hold
against endpoints that send a byte now and then, or without end.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

LARGEST_ANSWER_BYTES = 16 * 1024 * 1024


@dataclass
class Facts:
    """What is known of one request.

    `sent`: it may have reached the endpoint; `retry_after_s`: what it asked for; `late`: a time limit passed.
    """

    sent: bool = False
    status: int | None = None
    retry_after_s: float | None = None
    late: bool = False
    too_large: bool = False
    received_bytes: int = field(default=0)


class _Cutoff:
    """Shuts the connection down when the time is over, whatever is being waited for on it.

    The HTTP library's own timeouts are for each read alone: an endpoint that dribbles would never meet them.
    """

    def __init__(self, facts: Facts, timeout_s: float) -> None:
        self._facts, self._lock = facts, threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(timeout_s, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """The HTTP library's trace: takes note of each connection that is made."""
        stream: Any = info.get("return_value")
        if event.endswith(".complete") and hasattr(stream, "get_extra_info"):
            made: socket.socket = stream.get_extra_info("socket")
            with self._lock:
                self._sockets.append(made)
                if self._facts.late:
                    _shut(made)

    def stop(self) -> None:
        """The request is over."""
        self._timer.cancel()

    def _cut(self) -> None:
        with self._lock:
            self._facts.late = True
            for made in self._sockets:
                _shut(made)


def _shut(made: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(made, socket.SHUT_RDWR)  # not the TLS layer's, which is busy reading


def client(facts: Facts, timeout_s: float, now: Callable[[], float]) -> "httpx.Client":
    """A client for one request that ends in time, whatever the endpoint does; close it. `now`: epoch seconds."""
    import httpx

    cutoff = _Cutoff(facts, timeout_s)

    class Watched(httpx.SyncByteStream):
        def __init__(self, inner: httpx.SyncByteStream) -> None:
            self._inner = inner

        def __iter__(self) -> Iterator[bytes]:
            with _noting_timeouts(facts):
                for block in self._inner:
                    facts.received_bytes += len(block)
                    if facts.received_bytes > LARGEST_ANSWER_BYTES:
                        facts.too_large = True
                        raise httpx.ReadError("the answer is too large")
                    yield block

        def close(self) -> None:
            self._inner.close()

    class Watching(httpx.Client):
        def send(self, request: httpx.Request, *, stream: bool = False, **options: Any) -> httpx.Response:
            facts.sent, facts.status = True, None
            request.extensions["trace"] = cutoff.trace
            try:
                with _noting_timeouts(facts):
                    response = super().send(request, stream=True, **options)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol):
                facts.sent = False
                raise
            facts.status = response.status_code
            facts.retry_after_s = retry_after_s(response.headers.get("retry-after"), now())
            assert isinstance(response.stream, httpx.SyncByteStream)
            response.stream = Watched(response.stream)
            if not stream:
                try:
                    response.read()
                finally:
                    response.close()
            return response

        def close(self) -> None:
            cutoff.stop()
            super().close()

    return Watching(timeout=timeout_s)


@contextlib.contextmanager
def _noting_timeouts(facts: Facts) -> Iterator[None]:
    import httpx

    try:
        yield
    except httpx.TimeoutException:
        facts.late = True
        raise


def retry_after_s(header: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for (seconds or an HTTP date); None where it says nothing usable."""
    if header is None:
        return None
    try:
        return max(0.0, float(int(header.strip())))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
