"""Stopping the work of a turn: asked once, nothing is begun any more, and what was tried is taken back."""

import threading


class Halt:
    """Asked for by a person, looked at by every node of the loop and right before every effect."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        """From now on nothing new is begun."""
        self._asked.set()

    def asked(self, seconds: float = 0.0) -> bool:
        """Was it asked for? Waits up to `seconds` for it, so that long work can pause without missing it."""
        return self._asked.wait(seconds) if seconds > 0 else self._asked.is_set()

    def check(self) -> None:
        """Raises KeyboardInterrupt once it was asked for, in whatever thread."""
        if self._asked.is_set():
            raise KeyboardInterrupt("the turn was stopped")
