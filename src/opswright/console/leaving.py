"""Leaving the program in a hurry: the terminal as it was, one line, and no traceback."""

import contextlib
import os
import sys
import termios
import threading
from typing import Any, NoReturn

from opswright.errors import Exit

LEFT = "left; `opswright undo` shows what may still stand"


def leave(message: str = LEFT, terminal: Any = None) -> NoReturn:
    """Ends the program at once with 130, from a signal handler or any thread: nothing more is cleaned up.

    `terminal`: its state before, from `saved`.
    """
    if terminal is not None:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, terminal)
    with contextlib.suppress(OSError, ValueError):
        at_terminal = sys.stderr is not None and sys.stderr.isatty()
        shown = f"\x1b[?25h\r\n{message}\r\n" if at_terminal else f"{message}\n"
        os.write(2, shown.encode())
    os._exit(int(Exit.INTERRUPTED))


def saved() -> "list[object] | None":
    """The terminal's state; None where there is none."""
    try:
        return list(termios.tcgetattr(0))
    except (termios.error, OSError):
        return None


def others_at_work() -> bool:
    """Are threads of a run that was let go of still there? The interpreter would wait for them for ever."""
    return any(
        not thread.daemon and thread is not threading.main_thread() and thread.is_alive()
        for thread in threading.enumerate()
    )
