"""What goes in and out of a process in a container through the engine, never holding more than the limit of it.

The engine sends both outputs over one connection, in pieces with a head of 8 bytes: which of them, and how long.
"""

import os
import selectors
import socket
import ssl
import time
from typing import Any

from opswright.sandboxes.container.cell import raw
from opswright.sandboxes.feeding import Source, put
from opswright.sandboxes.ports import FLOOD_FACTOR

_CHUNK = 65536
_HEAD = 8
_NAMES = {1: "stdout", 2: "stderr"}
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Demultiplexer:
    """Takes the engine's bytes as they come; keeps `most` bytes of each output, of stdout in the file `to` where there
    is one. `seen`: how long each really was;
    `started`: the byte has come with which the process says that all is set up (it counts for nothing else).
    """

    def __init__(self, most: int, to: int | None = None) -> None:
        self.most = most
        self._to = to
        self.started = False
        self.kept = {"stdout": bytearray(), "stderr": bytearray()}
        self.seen = {"stdout": 0, "stderr": 0}
        self._head = bytearray()
        self._name = "stdout"
        self._left = 0

    def take(self, received: bytes) -> None:
        """The next bytes, however they are cut."""
        view = memoryview(received)
        while view:
            if self._left == 0:
                wanted = _HEAD - len(self._head)
                self._head += view[:wanted]
                view = view[wanted:]
                if len(self._head) == _HEAD:
                    self._name = _NAMES.get(self._head[0], "stderr")
                    self._left = int.from_bytes(self._head[4:], "big")
                    self._head.clear()
                continue
            piece = view[: self._left]
            view = view[len(piece) :]
            self._left -= len(piece)
            if self._name == "stdout" and not self.started:
                self.started = True
                piece = piece[1:]
            kept = piece[: max(self.most - self.seen[self._name], 0)]
            if self._name == "stdout" and self._to is not None:
                put(self._to, kept)
            else:
                self.kept[self._name] += kept
            self.seen[self._name] += len(piece)


class Streams:
    """Our end of one connection; owns it. `ended`: the engine has closed it, or it broke; `over`: the process itself
    has ended, though others may still hold its outputs.
    """

    def __init__(self, connection: Any, most: int, to: int | None = None) -> None:
        self._connection = connection
        self._socket: socket.socket = raw(connection)
        self._socket.setblocking(False)
        self._given = Source(b"")
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._ending: int | None = None
        self.outputs = Demultiplexer(most, to)
        self.over = False
        self.ended = False

    def give(self, given: Source) -> None:
        """Sends this to the process's input, as it takes it; once."""
        self._given = given
        if not self.ended:
            self._selector.modify(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def wait(self, seconds: float) -> None:
        """Moves what can be moved; returns after some event, or this time at the latest."""
        for key, events in self._selector.select(max(seconds, 0.0)):
            if key.fd == self._ending:
                self._selector.unregister(key.fd)
                self.over = True
                continue
            if events & selectors.EVENT_READ:
                self._read()
            if events & selectors.EVENT_WRITE and not self.ended:
                self._feed()

    @property
    def left(self) -> int:
        """How much of what was given is still to be sent."""
        return self._given.left

    def look_for(self, pid: int) -> None:
        """Wakes up for the end of the process itself too, where it is one of this machine."""
        try:
            self._ending = os.pidfd_open(pid)
        except ProcessLookupError:
            self.over = True
            return
        except OSError:  # an old kernel: the end of its outputs has to do
            return
        self._selector.register(self._ending, selectors.EVENT_READ)

    def drain(self, seconds: float) -> bool:
        """Takes what is still on its way once nobody writes any more; False when its end does not come in time."""
        give_up = time.monotonic() + seconds
        while not self.ended and time.monotonic() < give_up:
            self.wait(0.1)
        return self.ended

    @property
    def cut(self) -> frozenset[str]:
        """The outputs whose end was thrown away."""
        return frozenset(name for name, seen in self.outputs.seen.items() if seen > self.outputs.most)

    @property
    def flooded(self) -> bool:
        """Has one of them gone on far beyond the limit?"""
        return any(seen > self.outputs.most * FLOOD_FACTOR for seen in self.outputs.seen.values())

    def close(self) -> None:
        """Closes the connection; idempotent."""
        if self._ending is not None:
            os.close(self._ending)
            self._ending = None
        self._selector.close()
        self._socket.close()
        self._connection.close()

    def _read(self) -> None:
        try:
            received = self._socket.recv(_CHUNK)
            while received:
                self.outputs.take(received)
                if not isinstance(self._socket, ssl.SSLSocket):
                    return  # one piece a turn, so that limits are looked at; the selector tells of the rest
                received = self._socket.recv(_CHUNK)  # of the rest that TLS holds it knows nothing
        except _NOT_NOW:
            return
        except OSError:  # it broke: whether the engine still lives is asked next
            pass
        self._end()

    def _feed(self) -> None:
        piece = self._given.piece()
        try:
            self._given.took(self._socket.send(piece))
        except _NOT_NOW:
            return
        except OSError:  # the process has ended: what it wrote is still to be read
            self._given.stop()
        if not self._given.left:
            self._selector.modify(self._socket, selectors.EVENT_READ)

    def _end(self) -> None:
        self.ended = self.over = True
        self._selector.unregister(self._socket)
