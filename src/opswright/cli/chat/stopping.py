"""Ctrl-C while a turn works: once stops the turn, twice leaves the program.

The first one halts the run (nothing new is begun in any thread) and interrupts this thread, whose clean-up takes trials
back and gives leases back. Tasks in other threads end at their next step; one that does not within the grace is let go
of: it can change nothing any more. The second one leaves at once, as a crash would: watchdogs undo what is open.
"""

import contextlib
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from opswright.agents.halting import Halt
from opswright.agents.progress import Step
from opswright.cli.chat.terminal import saved
from opswright.errors import Exit

GRACE_S = 5.0
_LEFT = b"\r\nleft; `opswright undo` shows what may still stand, `opswright -c` goes on\r\n"


class LetGo(KeyboardInterrupt):
    """Tasks in other threads did not end within the grace."""


class Stopping:
    """One turn's interrupts, watched for in the main thread. `said` shows that it stops; it may interrupt a print."""

    def __init__(self, halt: Halt, said: Callable[[], None], grace_s: float = GRACE_S) -> None:
        self._halt, self._said, self._grace_s = halt, said, grace_s
        self._elsewhere: set[str] = set()  # tasks whose work is in another thread
        self._terminal: Any = None

    def saw(self, step: Step) -> None:
        """Notes in which thread a task is at work; called from that thread."""
        if step.phase == "ended":
            self._elsewhere.discard(step.task)
        elif step.phase in ("begun", "working") and threading.current_thread() is not threading.main_thread():
            self._elsewhere.add(step.task)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """For the length of the turn."""
        self._terminal = saved()
        old = signal.signal(signal.SIGINT, self._interrupted)
        old_alarm = signal.signal(signal.SIGALRM, self._waited_enough)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGINT, old)
            signal.signal(signal.SIGALRM, old_alarm)

    def _interrupted(self, number: int, frame: object) -> NoReturn:
        if self._halt.asked():
            self._leave()
        self._halt.ask()
        self._said()
        if self._elsewhere:  # this thread only waits for others; were it at work itself, its clean-up takes its time
            signal.setitimer(signal.ITIMER_REAL, self._grace_s)
        raise KeyboardInterrupt

    def _waited_enough(self, number: int, frame: object) -> NoReturn:
        raise LetGo

    def _leave(self) -> NoReturn:
        if self._terminal is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSANOW, self._terminal)
        os.write(1, b"\x1b[?25h" + _LEFT if sys.stdout.isatty() else _LEFT)
        os._exit(int(Exit.INTERRUPTED))


def others_at_work() -> bool:
    """Are threads of a turn that was let go of still there? The interpreter would wait for them for ever."""
    return any(
        not thread.daemon and thread is not threading.main_thread() and thread.is_alive()
        for thread in threading.enumerate()
    )
