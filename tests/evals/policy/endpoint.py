"""A model endpoint on loopback that answers every question in the shape it asks for, always the same."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHOICE = {"candidate": 1, "reason": "the style"}
EDITS = {"edits": [{"op": "set_effect", "statement": 1, "effect": "Allow"}], "reason": "a guess"}


@dataclass
class Endpoint:
    """Where it listens and how often it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def endpoint(says: Any = None) -> Iterator[Endpoint]:
    """The endpoint, for the length of a test. `says`: what it answers to everything, in place of its own choices."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            self._send({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(body)
            said = says or (CHOICE if "You choose between repairs" in body else EDITS)
            message = {"role": "assistant", "content": json.dumps(said)}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            head = {"id": "c", "object": "chat.completion", "created": 1, "model": "scripted"}
            self._send({**head, "choices": [choice], "usage": usage})

        def _send(self, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
