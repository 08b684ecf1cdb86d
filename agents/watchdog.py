"""A small process that takes changes back when their owner dies or a deadline passes.

`python -m opswright.agents.watchdog` in its own session. The owner holds the other end of its stdin: a line `due TIME`
says when a change is to be gone, the line `finished` ends it with nothing undone. Otherwise it looks at the owner about
once a second (a forked child may keep the pipe open) and at once when the pipe closes, and then undoes every change of
the lease that was not kept; so it does when a change stands that is due. What cannot be undone because the target is
away is tried again and again; signals that are sent to a whole service do not end it.
"""

import argparse
import contextlib
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from opswright.agents.attempts import Attempt, Attempts, How
from opswright.agents.effects import Effects
from opswright.agents.leases import owner_alive, sweep, work_lock
from opswright.agents.undo import Undoer
from opswright.errors import EnvironmentFailed, OpswrightError
from opswright.knowledge.journal import Journal

READY = b"ready\n"
FINISHED = b"finished"
DUE = b"due "
START_WAIT_S = 30.0
TICK_S = 1.0
CLOSED_TICK_S = 0.05
GRACE_S = 5.0
TRIES = 3


@dataclass(frozen=True)
class Patience:
    """How an undoing that failed is tried again, in seconds: after `first`, each time twice as long, at most `longest`.

    While the target cannot be reached it goes on for `total`; what fails for another reason is tried three times.
    """

    first: float = 1.0
    longest: float = 60.0
    total: float = 3600.0


class Watch:
    """The owner's end of one watchdog."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The watchdog's process."""
        return self._process.pid

    def alive(self) -> bool:
        """Is it still watching?"""
        return self._process.poll() is None

    def due(self, at: float) -> None:
        """A change stands now that is to be gone at this `time.monotonic()`. Raises EnvironmentFailed."""
        try:
            self._tell(DUE + repr(at).encode())
        except BrokenPipeError as error:
            raise EnvironmentFailed("the watchdog died; nothing more is done, see `opswright undo`") from error

    def finished(self) -> None:
        """The work is over and stands as it is: the watchdog goes."""
        with contextlib.suppress(BrokenPipeError):
            self._tell(FINISHED)
        self.abandon()

    def abandon(self) -> None:
        """Lets go, as death would: what is still open gets undone."""
        with contextlib.suppress(BrokenPipeError):
            self._input().close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(START_WAIT_S)

    def _tell(self, line: bytes) -> None:
        self._input().write(line + b"\n")
        self._input().flush()

    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin


def start(
    journal: Path,
    leases: Path,
    lease: str,
    *,
    grace_s: float = GRACE_S,
    patience: Patience | None = None,
    plugins: Path | None = None,
) -> Watch:
    """Starts one and returns when it watches. Raises EnvironmentFailed when it does not come up."""
    # -P: a folder named opswright where the user happens to stand must not be what runs.
    command = [
        sys.executable,
        "-P",
        "-m",
        "opswright.agents.watchdog",
        str(journal.absolute()),
        str(leases.absolute()),
        lease,
    ]
    waits = patience or Patience()
    command += [f"--grace={grace_s}", f"--first={waits.first}", f"--longest={waits.longest}", f"--total={waits.total}"]
    command += [] if plugins is None else [f"--plugins={plugins.absolute()}"]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            close_fds=True,
        )
    except OSError as error:
        raise EnvironmentFailed(f"the watchdog cannot be started ({error.strerror}); nothing was done") from error
    assert process.stdout is not None
    with process.stdout as stdout:
        readable, _, _ = select.select([stdout], [], [], START_WAIT_S)
        if not readable or stdout.readline() != READY:
            process.kill()
            process.wait()
            raise EnvironmentFailed("the watchdog did not come up; nothing was done")
    return Watch(process)


@dataclass
class Watchdog:
    """Watches one lease."""

    journal: Journal
    leases: Path
    lease: str
    undoer: Undoer
    grace_s: float = GRACE_S  # how long a change in progress may take to end once a deadline has passed
    patience: Patience = field(default_factory=Patience)
    _due: list[float] = field(default_factory=list)  # time.monotonic(), as the owner said it
    _heard: bytes = b""

    def run(self) -> int:
        """0: finished, or everything is undone; 1: something is left over for `opswright undo`."""
        why = self._wait()
        if not why:
            return 0
        if why == "deadline":
            return self._undo_before_the_owner()
        return self._persist(lambda: self._undo(held=False))

    def _wait(self) -> str:
        """`owner` when it died, `deadline`, or empty when it finished."""
        poll = select.poll()
        poll.register(sys.stdin.fileno(), select.POLLIN | select.POLLHUP)
        tick = TICK_S
        while True:
            left = min(self._due, default=math.inf) - time.monotonic()
            if poll.poll(max(0, min(tick, left) * 1000)):
                said = os.read(sys.stdin.fileno(), 4096)
                if self._hear(said):
                    return ""
                if not said:
                    poll.unregister(sys.stdin.fileno())
                    tick = CLOSED_TICK_S  # its pipe goes a moment before a dying process does
            try:
                if self._overdue():
                    return "deadline"
                if not owner_alive(self.leases, self.journal, self.lease):
                    return "owner"
            except EnvironmentFailed:  # the journal is busy or its disk full: nobody else would look again
                time.sleep(CLOSED_TICK_S)

    def _hear(self, said: bytes) -> bool:
        """Takes in what the owner says; is it finished?"""
        *lines, self._heard = (self._heard + said).split(b"\n")
        self._due += [float(line.removeprefix(DUE)) for line in lines if line.startswith(DUE)]
        return FINISHED in lines

    def _overdue(self) -> bool:
        """Does anything stand that is due? What was taken back in time is not waited for any more."""
        now = time.monotonic()
        if min(self._due, default=math.inf) > now:
            return False
        if any(one.deadline_at is not None and one.deadline_at <= now for one in self._open()):
            return True
        self._due = [one for one in self._due if one > now]
        return False

    def _undo_before_the_owner(self) -> int:
        # Revoked first: the owner begins nothing more, and takes back itself what is in progress when that ends.
        # All of the lease goes, not only what is due: what was changed later may rest on it.
        self._persist(self._revoke)
        in_progress: dict[int, Attempt] = {}

        def undo() -> None:
            with contextlib.ExitStack() as held:
                try:
                    held.enter_context(work_lock(self.leases, self.lease, self.grace_s))
                except EnvironmentFailed:
                    in_progress.update({one.seq: one for one in self._open() if not one.done})
                self._undo(held=True)

        code = self._persist(undo)
        if not in_progress:
            return code

        def again() -> None:
            with work_lock(self.leases, self.lease, math.inf):  # until what is in progress has ended, or its owner
                self._each(list(in_progress.values()), self.undoer.take_back_again)

        return max(code, self._persist(again))

    def _revoke(self) -> None:
        self.journal.append("lease.revoked", {"reason": "the deadline passed"}, key=f"revoked:{self.lease}")

    def _undo(self, held: bool) -> None:
        self._each(self._open(), lambda one: self.undoer.take_back(one, How.WATCHDOG, held=held))

    def _each(self, attempts: list[Attempt], take_back: Callable[[Attempt], None]) -> None:
        """Raises EnvironmentFailed when any failed so, else ToolFailed when any failed."""
        away: list[EnvironmentFailed] = []

        def noted(attempt: Attempt) -> None:
            try:
                take_back(attempt)
            except EnvironmentFailed as error:
                away.append(error)
                raise

        try:
            self.undoer.each(attempts, noted)
        except OpswrightError as error:
            raise away[0] if away else error from None

    def _persist(self, step: Callable[[], None]) -> int:
        """Tries until it works (0), or is given up (1)."""
        give_up, pause, refused = time.monotonic() + self.patience.total, self.patience.first, 0
        while True:
            try:
                step()
                return 0
            except EnvironmentFailed:
                refused = 0
            except OpswrightError:
                refused += 1
            if refused == TRIES or time.monotonic() > give_up:
                return 1
            time.sleep(pause)
            pause = min(2 * pause, self.patience.longest)

    def _open(self) -> list[Attempt]:
        return [attempt for attempt in Attempts(self.journal).of_lease(self.lease) if attempt.open]


def main(arguments: list[str] | None = None) -> int:
    """The process."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        # Sent to all of a service or a terminal. Not SIG_IGN, which programs that a revert runs would inherit.
        signal.signal(number, lambda *_: None)
    parser = argparse.ArgumentParser(prog="opswright watchdog", description=__doc__)
    parser.add_argument("journal", type=Path)
    parser.add_argument("leases", type=Path)
    parser.add_argument("lease")
    parser.add_argument("--grace", type=float, default=GRACE_S)
    for wait in ("first", "longest", "total"):
        parser.add_argument(f"--{wait}", type=float, default=getattr(Patience(), wait))
    parser.add_argument("--plugins", type=Path)
    given = parser.parse_args(arguments)
    journal = Journal(given.journal)
    undoer = Undoer(journal, given.leases, Effects(given.plugins), who="watchdog")
    patience = Patience(given.first, given.longest, given.total)
    watchdog = Watchdog(journal, given.leases, given.lease, undoer, given.grace, patience)
    if not owner_alive(given.leases, journal, given.lease):
        return 1
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    # The owner closes its end of stdout now; keeping ours on a closed pipe would only make a later write fail.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    code = watchdog.run()
    sweep(given.leases, journal)
    return code


if __name__ == "__main__":
    sys.exit(main())
