"""Starts a program with exactly the descriptors it is to have, and nothing else of ours."""

import contextlib
import fcntl
import os
import select
import signal
import time
from collections.abc import Iterator, Mapping, Sequence

_HIGH = 20  # above all numbers that are given to a program


def spawn(
    arguments: Sequence[str], into: Sequence[int], out_of: Sequence[int], texts: Mapping[int, bytes]
) -> tuple[int, dict[int, int]]:
    """Starts it in a session of its own with an empty environment and every signal as it is by default.

    `into` and `out_of`: its descriptors that are pipes from us and to us; `texts`: those that it reads a text from.
    Returns its pid and, by the same numbers, our ends of the pipes. Raises OSError.
    """
    ours: dict[int, int] = {}
    with contextlib.ExitStack() as failing, contextlib.ExitStack() as opened:
        theirs: dict[int, int] = {}
        for target in (*into, *out_of):
            reading, writing = os.pipe()
            ours[target], theirs[target] = (writing, reading) if target in into else (reading, writing)
            failing.callback(os.close, ours[target])
            opened.callback(os.close, theirs[target])
        for target, text in texts.items():
            theirs[target] = os.memfd_create("opswright", os.MFD_CLOEXEC)
            opened.callback(os.close, theirs[target])
            os.write(theirs[target], text)
            os.lseek(theirs[target], 0, os.SEEK_SET)
        pid = os.posix_spawn(
            arguments[0],
            list(arguments),
            {},
            file_actions=[*_descriptors(theirs, opened), *_inherited(max(theirs))],
            setsid=True,
            setsigmask=[],
            setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
        )
        failing.pop_all()
    return pid, ours


def readable(descriptor: int, seconds: float) -> bool:
    """Waits until there is something to read, or an end; False when that does not come in time."""
    poll = select.poll()  # select() cannot watch descriptors above 1023
    poll.register(descriptor, select.POLLIN)
    give_up = time.monotonic() + seconds
    while not poll.poll(max(0.0, give_up - time.monotonic()) * 1000):
        if time.monotonic() >= give_up:
            return False
    return True


def _descriptors(theirs: Mapping[int, int], opened: contextlib.ExitStack) -> Iterator[tuple[int, int, int]]:
    for target, descriptor in theirs.items():
        # Out of the way first: one of them may have the number that another one is to get.
        high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _HIGH)
        opened.callback(os.close, high)
        yield (os.POSIX_SPAWN_DUP2, high, target)


def _inherited(last: int) -> Iterator[tuple[int, int]]:
    """Whatever else our own caller left open for its children is no business of the program."""
    for entry in os.scandir("/proc/self/fd"):
        descriptor = int(entry.name)
        with contextlib.suppress(OSError):  # the listing's own is gone by now
            if descriptor > last and os.get_inheritable(descriptor):
                yield (os.POSIX_SPAWN_CLOSE, descriptor)
