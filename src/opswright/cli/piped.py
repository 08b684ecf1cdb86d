"""What is piped into the program: context for a request, read with a limit and never waited for without end."""

import os
import select
import stat
import sys
from collections.abc import Callable

from opswright.agents.files import LARGEST_BYTES, File
from opswright.errors import InputError

NAME = "stdin"
FIRST_BYTE_S = 3.0


def is_piped() -> bool:
    """Is standard input a pipe, a file or a socket (and no terminal, no /dev/null, not closed)?"""
    if sys.stdin is None:
        return False
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def piped_file(say: Callable[[str], None], first_byte_s: float = FIRST_BYTE_S) -> File | None:
    """What is piped in, as a file of the request; None where nothing is.

    A pipe that stays silent for `first_byte_s` seconds is left alone: whoever started the program may just have left it
    open. Raises InputError for what is no UTF-8 text, or too large.
    """
    if not is_piped():
        return None
    if not select.select([0], [], [], first_byte_s)[0]:
        say(f"nothing came from standard input within {first_byte_s:g} s, so it is not waited for (`--file -` waits)")
        return None
    return read_piped()


def read_piped() -> File | None:
    """All of standard input; None where it is empty."""
    pieces, size = [], 0
    try:
        while piece := os.read(0, 1 << 16):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST_BYTES:
                limit = LARGEST_BYTES // 2**20
                raise InputError(f"is larger than {limit} MiB; write it to a file and name that with --file", NAME)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", NAME) from error
    try:
        text = b"".join(pieces).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start})", NAME) from error
    return File(NAME, text) if text.strip() else None
