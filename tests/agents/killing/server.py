"""The counter: counts every POST, and says of a key whether it was among them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Counter(ThreadingHTTPServer):
    """`keys`: one for each POST, in order, repetitions too."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Counter

    def do_POST(self) -> None:
        self.server.keys.append(self.path)
        self._say(str(len(self.server.keys)))

    def do_GET(self) -> None:
        self._say("yes" if self.path in self.server.keys else "no")

    def _say(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def counter_server() -> Iterator[Counter]:
    """A server for as long as the block lasts."""
    with Counter() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
