"""A small OpenAI-compatible server on loopback that answers from a script, so that the wire itself can be tested.

Each request takes the next step of the script; an unexpected request is answered 599 and remembered, and a test that
ends with steps left over or with such requests fails (`finished`).
"""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Json = Any
KEY = "sk-test-Key-0123456789abcdef"
USAGE = {"prompt_tokens": 40, "completion_tokens": 7, "total_tokens": 47}


@dataclass(frozen=True)
class Step:
    """How one request is answered.

    `cut`: bytes of the body after which the connection is closed; `hang`: nothing more from there on, or with `drip` a
    byte now and then.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut: int | None = None
    hang: Literal["", "headers", "body", "drip"] = ""


def completion(
    text: str | None = None,
    calls: list[tuple[str, str]] | None = None,
    usage: Mapping[str, Json] | None = USAGE,
    finish: str = "stop",
    model: str = "scripted",
) -> Step:
    """An ordinary answer; `calls` are (tool name, arguments as text)."""
    message: dict[str, Json] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [_tool_call(place, name, said) for place, (name, said) in enumerate(calls)]
    body: dict[str, Json] = {"id": "c1", "object": "chat.completion", "created": 1, "model": model}
    body["choices"] = [{"index": 0, "message": message, "finish_reason": finish}]
    if usage is not None:
        body["usage"] = usage
    return Step(body=json.dumps(body).encode())


def stream(
    pieces: list[str], usage: Mapping[str, Json] | None = USAGE, finish: str | None = "stop", done: bool = True
) -> Step:
    """An answer as server-sent events; without `finish` and `done` it ends in the middle."""
    events: list[Json] = [_delta({"role": "assistant", "content": ""})]
    events += [_delta({"content": piece}) for piece in pieces]
    return _events(events, usage, finish, done)


def stream_call(name: str, arguments: list[str]) -> Step:
    """A tool call whose arguments come in pieces."""
    first = {"index": 0, "id": "call_0", "type": "function", "function": {"name": name, "arguments": ""}}
    events = [_delta({"role": "assistant", "tool_calls": [first]})]
    events += [_delta({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in arguments]
    return _events(events, USAGE, "tool_calls", True)


def refusal(status: int, message: str = "no", headers: Mapping[str, str] | None = None) -> Step:
    """An error in OpenAI's form."""
    body = {"error": {"message": message, "type": "error", "param": None, "code": None}}
    return Step(status, json.dumps(body).encode(), headers or {})


def _events(events: list[Json], usage: Mapping[str, Json] | None, finish: str | None, done: bool) -> Step:
    if finish is not None:
        events.append(_delta({}, finish))
    if usage is not None and finish is not None:
        events.append({**_delta({}), "choices": [], "usage": usage})
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + ("data: [DONE]\n\n" if done else "")
    return Step(body=text.encode(), content_type="text/event-stream")


def _delta(delta: Json, finish: str | None = None) -> dict[str, Json]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [choice]}


def _tool_call(place: int, name: str, arguments: str) -> Json:
    return {"id": f"call_{place}", "type": "function", "function": {"name": name, "arguments": arguments}}


class _Quiet(ThreadingHTTPServer):
    """Clients hang up here; that is no news."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is printed."""


class Server:
    """The server of one test. `requests` are the JSON bodies that arrived, `paths` and `keys` what came with them."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.models = ["scripted"]
        self.requests: list[dict[str, Json]] = []
        self.keys: list[str] = []
        self.unexpected = 0
        self._lock = threading.Lock()
        self._leave = threading.Event()
        self._http = _Quiet(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def script(self, *steps: Step) -> None:
        """What the coming requests get, in order."""
        self.steps = list(steps)

    def finished(self) -> None:
        """Raises where the script was not used up exactly."""
        assert not self.steps, f"{len(self.steps)} steps were not asked for"
        assert not self.unexpected, f"{self.unexpected} requests were not expected"

    def close(self) -> None:
        """Lets hanging requests go and ends the server."""
        self._leave.set()
        self._http.shutdown()
        self._http.server_close()

    def take(self, body: dict[str, Json], key: str) -> Step:
        """The step for a request that arrived."""
        with self._lock:
            self.requests.append(body)
            self.keys.append(key)
            if not self.steps:
                self.unexpected += 1
                return refusal(599, "nothing is scripted for this request")
            return self.steps.pop(0)

    def wait(self, seconds: float = 60) -> bool:
        """Until the test is over, which is then True."""
        return self._leave.wait(seconds)


def _handler(server: Server) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            data = [{"id": name, "object": "model"} for name in server.models]
            self._send(Step(body=json.dumps({"object": "list", "data": data}).encode()))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(server.take(body, self.headers.get("Authorization", "").removeprefix("Bearer ")))

        def _send(self, step: Step) -> None:
            self.close_connection = True
            if step.hang == "headers":
                server.wait()
                return
            self.send_response(step.status)
            self.send_header("Content-Type", step.content_type)
            self.send_header("Content-Length", str(len(step.body)))
            self.send_header("Connection", "close")
            for name, value in step.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(step.body if step.cut is None else step.body[: step.cut])
            self.wfile.flush()
            if step.hang == "body":
                server.wait()
            while step.hang == "drip" and not server.wait(0.02):
                self.wfile.write(b" ")
            if step.cut is not None:
                self.connection.shutdown(socket.SHUT_RDWR)

    return Handler
