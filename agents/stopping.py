"""Ctrl-C while a run works: once stops it, twice leaves the program.

The first one halts the run (nothing new is begun in any thread, what blocks is called off) and interrupts the main
thread, whose clean-up takes trials back and gives leases back. Tasks in other threads end at their next step; one that
does not within the grace is let go of: it can change nothing any more. The second one leaves at once, as a crash would:
watchdogs undo what is open.

A handler of signals runs when the main thread gets back to Python. A call into a library may not let it for minutes, so
the signals are also heard in a thread of its own, which halts the run and lets the second one leave.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from opswright.agents.halting import Halt
from opswright.agents.progress import Report, Step
from opswright.console.leaving import LEFT, leave, saved

GRACE_S = 5.0


class LetGo(KeyboardInterrupt):
    """Tasks in other threads did not end within the grace."""


class Stopping:
    """One run's interrupts, watched for in the main thread.

    `said` shows that it stops; it may interrupt a print, or come from another thread. `left` is the last line of
    whoever leaves at once. `signals`: which count. `stays`: the program goes on after a run that was stopped, with the
    handlers it had before.
    """

    def __init__(
        self,
        halt: Halt,
        said: Callable[[], None],
        grace_s: float = GRACE_S,
        left: str = LEFT,
        signals: Sequence[signal.Signals] = (signal.SIGINT,),
        stays: bool = True,
    ) -> None:
        self._halt, self._said, self._grace_s, self._left = halt, said, grace_s, left
        self._signals, self._stays = signals, stays
        self._elsewhere: set[str] = set()  # tasks whose work is in another thread
        self._interrupted_once = self._told = False
        self._terminal: Any = None

    def saw(self, step: Step) -> None:
        """Notes in which thread a task is at work; called from that thread."""
        if step.phase == "ended":
            self._elsewhere.discard(step.task)
        elif step.phase in ("begun", "working") and threading.current_thread() is not threading.main_thread():
            self._elsewhere.add(step.task)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """For the length of the run. Outside the main thread nothing is watched."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._terminal = saved()
        heeded = [one for one in self._signals if signal.getsignal(one) is not signal.SIG_IGN]
        old = {one: signal.signal(one, self._interrupted) for one in heeded}
        old_alarm = signal.signal(signal.SIGALRM, self._waited_enough)
        try:
            with self._heard(frozenset(heeded)):
                yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old_alarm)
            if self._stays or not self._halt.asked():  # else the next one is the second
                for one, handler in old.items():
                    signal.signal(one, handler)

    @contextlib.contextmanager
    def _heard(self, signals: frozenset[signal.Signals]) -> Iterator[None]:
        """Has the signals' numbers read by a thread, whatever the main thread is at."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        listener = threading.Thread(
            target=self._listen, args=(reading, signals), name="opswright-stopping", daemon=True
        )
        listener.start()
        before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            os.close(writing)  # the thread ends with it
            listener.join()
            os.close(reading)

    def _listen(self, reading: int, signals: frozenset[signal.Signals]) -> None:
        heard = 0
        while number := os.read(reading, 1):
            if number[0] in signals:
                heard += 1
                self._halt.ask()
                self._tell()
                if heard > 1:
                    self._leave()

    def _interrupted(self, number: int, frame: object) -> NoReturn:
        if self._interrupted_once:
            self._leave()
        self._interrupted_once = True
        self._halt.ask()
        self._tell()
        if self._elsewhere:  # this thread only waits for others; were it at work itself, its clean-up takes its time
            signal.setitimer(signal.ITIMER_REAL, self._grace_s)
        raise KeyboardInterrupt

    def _tell(self) -> None:
        """Once, by whoever hears it first."""
        if not self._told:
            self._told = True
            self._said()

    def _waited_enough(self, number: int, frame: object) -> NoReturn:
        raise LetGo

    def _leave(self) -> NoReturn:
        leave(self._left, self._terminal)


@contextlib.contextmanager
def interrupts(halt: Halt) -> Iterator[Report]:
    """A command's run: Ctrl-C, or being told to end, stops it once. Yields what is to be told of its steps."""
    signals = (signal.SIGINT, signal.SIGTERM)
    stopping = Stopping(halt, _say_it_stops, signals=signals, stays=False)
    with stopping.watching():
        yield stopping.saw


def _say_it_stops() -> None:
    """From a signal handler: not through a stream that may be in the middle of a line."""
    with contextlib.suppress(OSError):
        os.write(2, b"stopping ... (Ctrl-C again leaves at once)\n")
