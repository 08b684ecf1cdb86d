"""A stand between us and the real engine that can die or hang in the middle."""

import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REAL = "/var/run/docker.sock"


class Between:
    """Hands bytes on in both directions over a Unix socket, until told otherwise."""

    def __init__(self, path: Path) -> None:
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        self._path = path
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._hangs = threading.Event()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def hang(self) -> None:
        """Keeps every connection and hands nothing on any more."""
        self._hangs.set()

    def die(self) -> None:
        """Ends every connection and takes no new one; idempotent."""
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._connections.clear()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(ours,), daemon=True).start()

    def _serve(self, ours: socket.socket) -> None:
        with ours, socket.socket(socket.AF_UNIX) as theirs, selectors.DefaultSelector() as selector:
            theirs.connect(os.environ.get("OPSWRIGHT_TEST_ENGINE", REAL))
            with self._lock:
                self._connections |= {ours, theirs}
            selector.register(ours, selectors.EVENT_READ, theirs)
            selector.register(theirs, selectors.EVENT_READ, ours)
            while selector.get_map():
                for key, _ in selector.select():
                    if self._hangs.is_set():
                        threading.Event().wait(120)  # a thread of its own, which nobody waits for
                    if not self._hand_on(key.fileobj, key.data):
                        selector.unregister(key.fileobj)

    @staticmethod
    def _hand_on(source: object, target: socket.socket) -> bool:
        assert isinstance(source, socket.socket)
        try:
            data = source.recv(65536)
            if data:
                target.sendall(data)
                return True
            target.shutdown(socket.SHUT_WR)
        except OSError:
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)
        return False


@contextmanager
def between(path: Path) -> Iterator[Between]:
    """For as long as it lasts."""
    stand = Between(path)
    try:
        yield stand
    finally:
        stand.die()
