"""The terminal between prompts: keys that are pressed while a turn works are not shown, and do not answer questions."""

import contextlib
import os
import sys
import termios
from collections.abc import Iterator


def is_terminal() -> bool:
    """Does a person sit at both ends?"""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def is_plain() -> bool:
    """A terminal that cannot move its cursor."""
    return os.environ.get("TERM", "dumb").lower() in ("dumb", "unknown", "")


@contextlib.contextmanager
def echo(on: bool) -> Iterator[None]:
    """Shows, or does not show, what is typed meanwhile; then as it was before."""
    try:
        before = termios.tcgetattr(0)
    except termios.error:  # no terminal any more
        yield
        return
    changed = [*before]
    changed[3] = before[3] | termios.ECHO if on else before[3] & ~termios.ECHO
    termios.tcsetattr(0, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def forget_typed() -> None:
    """Throws away what was typed so far: it was not typed to answer what is asked now."""
    with contextlib.suppress(termios.error):
        termios.tcflush(0, termios.TCIFLUSH)
