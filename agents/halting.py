"""Stopping the work of a turn: asked once, nothing is begun any more, and what was tried is taken back."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable

_AGAIN_S = 0.5
_TIMES = 20  # what has not ended by then never will


class Halt:
    """Asked for by a person, looked at by every node of the loop and right before every effect.

    All of it may be called from a signal handler: nothing here waits for a lock that the interrupted code may hold.
    """

    def __init__(self) -> None:
        self._asked = False
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()  # its put may interrupt its own get
        self._callbacks: dict[object, Callable[[], None]] = {}

    def ask(self) -> None:
        """From now on nothing new is begun, and what blocks is called off."""
        first, self._asked = not self._asked, True
        self._bell.put(None)
        if first and self._callbacks:  # behind us: calling off may itself block
            threading.Thread(target=self._call_off, name="opswright-halt", daemon=True).start()

    def asked(self, seconds: float = 0.0) -> bool:
        """Was it asked for? Waits up to `seconds` for it, so that long work can pause without missing it."""
        if self._asked or seconds <= 0:
            return self._asked
        try:
            self._bell.get(timeout=seconds)
        except queue.Empty:
            return self._asked
        self._bell.put(None)  # for the others who wait
        return True

    def check(self) -> None:
        """Raises KeyboardInterrupt once it was asked for, in whatever thread."""
        if self._asked:
            raise KeyboardInterrupt("the turn was stopped")

    def on_ask(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Has `callback` called in another thread when it is asked for, again every half second until what this
        returns is called: one that came before the call it was to call off had begun would be lost.

        For calls that block, with a connection's cancel; what it raises is dropped. Raises KeyboardInterrupt where it
        was asked for already: there is nothing to begin any more.
        """
        key = object()
        self._callbacks[key] = callback

        def unregister() -> None:
            self._callbacks.pop(key, None)

        if self._asked:
            unregister()
            self.check()
        return unregister

    def _call_off(self) -> None:
        for _ in range(_TIMES):
            for callback in list(self._callbacks.values()):
                with contextlib.suppress(Exception):  # somebody else's code: the others are to be called too
                    callback()
            time.sleep(_AGAIN_S)
            if not self._callbacks:
                return
