"""A small process that takes changes back when their owner dies or a deadline passes.

`python -m opswright.agents.watchdog` in its own session. The owner holds the other end of its stdin: the line
`finished` ends it with nothing undone. Otherwise it looks at the owner about once a second (a forked child may keep the
pipe open) and at once when the pipe closes, and then undoes every change of the lease that was not kept.
"""

import argparse
import contextlib
import math
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from opswright.agents.attempts import Attempt, Attempts, How
from opswright.agents.effects import Effects
from opswright.agents.leases import owner_alive, sweep, work_lock
from opswright.agents.undo import Undoer
from opswright.errors import EnvironmentFailed, OpswrightError
from opswright.knowledge.journal import Journal

READY = b"ready\n"
FINISHED = b"finished\n"
START_WAIT_S = 30.0
TICK_S = 1.0
CLOSED_TICK_S = 0.05
GRACE_S = 5.0
TRIES = 3


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

    def finished(self) -> None:
        """The work is over and stands as it is: the watchdog goes."""
        with contextlib.suppress(BrokenPipeError):
            self._input().write(FINISHED)
            self._input().flush()
        self.abandon()

    def abandon(self) -> None:
        """Lets go, as death would: what is still open gets undone."""
        with contextlib.suppress(BrokenPipeError):
            self._input().close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(START_WAIT_S)

    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin


def start(
    journal: Path,
    leases: Path,
    lease: str,
    *,
    deadline_s: float | None = None,
    grace_s: float = GRACE_S,
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
    command += [f"--grace={grace_s}"]
    command += [] if deadline_s is None else [f"--deadline={deadline_s}"]
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


@dataclass(frozen=True)
class Watchdog:
    """Watches one lease."""

    journal: Journal
    leases: Path
    lease: str
    undoer: Undoer
    deadline: float | None  # time.monotonic()
    grace_s: float = GRACE_S  # how long a change in progress may take to end once the deadline has passed

    def run(self) -> int:
        """0: finished, or everything is undone; 1: something is left over for `opswright undo`."""
        why = self._wait()
        if not why:
            return 0
        if why == "deadline":
            return self._undo_before_the_owner()
        return self._undo_with_retries(held=False)

    def _wait(self) -> str:
        """`owner` when it died, `deadline`, or empty when it finished."""
        poll = select.poll()
        poll.register(sys.stdin.fileno(), select.POLLIN | select.POLLHUP)
        tick = TICK_S
        while True:
            left = math.inf if self.deadline is None else self.deadline - time.monotonic()
            if left <= 0:
                return "deadline"
            if poll.poll(max(1, min(tick, left) * 1000)):
                said = os.read(sys.stdin.fileno(), 4096)
                if FINISHED in said:
                    return ""
                if not said:
                    poll.unregister(sys.stdin.fileno())
                    tick = CLOSED_TICK_S  # its pipe goes a moment before a dying process does
            if not owner_alive(self.leases, self.journal, self.lease):
                return "owner"

    def _undo_before_the_owner(self) -> int:
        # Revoked first: the owner begins nothing more, and takes back itself what is in progress when that ends.
        self.journal.append("lease.revoked", {"reason": "the deadline passed"}, key=f"revoked:{self.lease}")
        try:
            with work_lock(self.leases, self.lease, self.grace_s):
                return self._undo_with_retries(held=True)
        except EnvironmentFailed:
            in_progress = [attempt for attempt in self._open() if not attempt.done]
            code = self._undo_with_retries(held=True)
        with work_lock(self.leases, self.lease, math.inf):  # until what is in progress has ended, or its owner
            self.undoer.each(in_progress, self.undoer.take_back_again)
        return code

    def _undo_with_retries(self, held: bool) -> int:
        for attempt in range(TRIES):
            if attempt:
                time.sleep(TICK_S)
            with contextlib.suppress(OpswrightError):
                self.undoer.each(self._open(), lambda one: self.undoer.take_back(one, How.WATCHDOG, held=held))
                return 0
        return 1

    def _open(self) -> list[Attempt]:
        every = Attempts(self.journal).all()
        return [attempt for attempt in every if attempt.open and attempt.lease == self.lease]


def main(arguments: list[str] | None = None) -> int:
    """The process."""
    parser = argparse.ArgumentParser(prog="opswright watchdog", description=__doc__)
    parser.add_argument("journal", type=Path)
    parser.add_argument("leases", type=Path)
    parser.add_argument("lease")
    parser.add_argument("--deadline", type=float)
    parser.add_argument("--grace", type=float, default=GRACE_S)
    parser.add_argument("--plugins", type=Path)
    given = parser.parse_args(arguments)
    deadline = None if given.deadline is None else time.monotonic() + given.deadline
    journal = Journal(given.journal)
    undoer = Undoer(journal, given.leases, Effects(given.plugins), who="watchdog")
    watchdog = Watchdog(journal, given.leases, given.lease, undoer, deadline, given.grace)
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
