"""What goes in and out of a command through pipes, never holding more than the limit of it."""

import os
import selectors

from opswright.sandboxes.feeding import Source, put
from opswright.sandboxes.ports import FLOOD_FACTOR

_CHUNK = 65536


class Streams:
    """Our ends of the three pipes of one command; owns their descriptors. `ending` is one more to wake up for: readable
    when the command has ended. `most`: bytes kept of each of its outputs; `to`: a file that stdout is kept in.
    """

    def __init__(
        self, stdin: int, stdout: int, stderr: int, given: Source, most: int, ending: int, to: int | None = None
    ) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(ending, selectors.EVENT_READ, "ending")
        self._to = to
        self._most = most
        self._kept = {"stdout": bytearray(), "stderr": bytearray()}
        self._seen = {"stdout": 0, "stderr": 0}
        for name, stream in (("stdout", stdout), ("stderr", stderr)):
            os.set_blocking(stream, False)
            self._selector.register(stream, selectors.EVENT_READ, name)
        self.give(stdin, given)

    def give(self, descriptor: int, given: Source) -> None:
        """Sends all of this into one more pipe, as it is taken there, then closes it: the descriptor is ours now."""
        if given.left:
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_WRITE, given)
        else:
            os.close(descriptor)

    def wait(self, seconds: float) -> None:
        """Moves what can be moved; returns after some event, or this time at the latest."""
        for key, _ in self._selector.select(max(seconds, 0.0)):
            if isinstance(key.data, Source):
                self._feed(key.fd, key.data)
            elif key.data in self._kept:
                self._read(key.fd, key.data)

    def drain(self) -> None:
        """Takes what is still in the pipes once nobody writes any more."""
        for key in list(self._selector.get_map().values()):
            if key.data in self._kept:
                while self._read(key.fd, key.data):
                    pass

    def text(self, name: str) -> bytes:
        """What was kept of a stream."""
        return bytes(self._kept[name])

    @property
    def cut(self) -> frozenset[str]:
        """The streams whose end was thrown away."""
        return frozenset(name for name, seen in self._seen.items() if seen > self._most)

    @property
    def flooded(self) -> bool:
        """Has one of them gone on far beyond the limit?"""
        return any(seen > self._most * FLOOD_FACTOR for seen in self._seen.values())

    def close(self) -> None:
        """Closes the pipes; idempotent."""
        for key in list((self._selector.get_map() or {}).values()):
            if key.data != "ending":
                self._done(key.fd)
        self._selector.close()

    def _read(self, descriptor: int, name: str) -> bool:
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._done(descriptor)
            return False
        kept = chunk[: max(self._most - self._seen[name], 0)]
        if name == "stdout" and self._to is not None:
            put(self._to, kept)
        else:
            self._kept[name] += kept
        self._seen[name] += len(chunk)
        return True

    def _feed(self, descriptor: int, given: Source) -> None:
        piece = given.piece()
        try:
            given.took(os.write(descriptor, piece))
        except BlockingIOError:
            return
        except OSError:  # the command does not read any more
            given.stop()
        if not given.left:
            self._done(descriptor)

    def _done(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        os.close(descriptor)
