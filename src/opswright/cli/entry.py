"""`main`: runs one command, prints its reply, and turns whatever goes wrong into one line and an exit code."""

import errno
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn, TextIO

import click

from opswright.console.leaving import leave, others_at_work
from opswright.console.options import COMMAND_KEY, FORMAT_KEY, command_name
from opswright.console.output import OutputClosed, emit
from opswright.console.reply import Failure, Format, Reply, Status, failed
from opswright.errors import ConfigError, EnvironmentFailed, Exit, OpswrightError, StoreFailed

PROGRAM = "opswright"
# What the machine refuses, wherever in the program it surfaces; any other OSError is a bug of ours.
_MACHINE = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE,
    errno.ENFILE, errno.ENOMEM,
}  # fmt: skip


def main() -> NoReturn:
    """The console script."""
    signal.signal(signal.SIGTERM, _stopped)  # ended by its supervisor or a shutdown: as cleanly as by Ctrl-C
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else ignored, as in the background of a shell
        signal.signal(signal.SIGINT, _stopped)
    code = run(sys.argv[1:])
    if code == Exit.INTERRUPTED and others_at_work():  # threads that did not stop in time, and change nothing any more
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


def _stopped(number: int, frame: object) -> NoReturn:
    """The first one ends the command, the second one the program (a run has its own: agents/stopping.py)."""
    for one in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(one) is _stopped:
            signal.signal(one, _left)
    raise KeyboardInterrupt


def _left(number: int, frame: object) -> NoReturn:
    leave()


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code. Prints no traceback, whatever happens."""
    meta: dict[str, Any] = {}
    _open_closed_streams()
    if not sys.warnoptions:  # libraries' warnings are for developers: stderr has our own lines alone
        warnings.simplefilter("ignore")
    try:
        return _show(_invoke(arguments, meta), arguments, meta)
    except click.exceptions.Exit as leaving:  # after --help
        return leaving.exit_code
    except OutputClosed:
        return _leave_quietly(Exit.DONE)
    except (KeyboardInterrupt, click.Abort):
        message = "stopped; `opswright sessions list` shows what can be resumed"
        reply = _failure("Interrupted", message, Exit.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the one catch-all
        reply = _unexpected(error, arguments)
    return _show(reply, arguments, meta)


def _invoke(arguments: Sequence[str], meta: dict[str, Any]) -> Reply:
    from opswright.cli.root import root

    try:
        with root.make_context(PROGRAM, list(arguments)) as context:
            try:
                reply = root.invoke(context)
            finally:
                meta.update(context.meta)
    except click.ClickException as error:
        return _usage_reply(error, meta)
    except OpswrightError as error:
        return failed(error)
    assert isinstance(reply, Reply), f"{meta.get(COMMAND_KEY)} returned no reply"
    return reply


def requested_format(arguments: Sequence[str]) -> Format:
    """The format the arguments ask for, read without parsing them: errors of parsing are printed in it too."""
    found = Format.TEXT
    for argument, following in pairwise([*arguments, ""]):
        if argument == "--":
            break
        if argument == "--json":
            found = Format.JSON
        named = following if argument == "--output-format" else argument.partition("--output-format=")[2]
        if named in list(Format):
            found = Format(named)
    return found


def _show(reply: Reply, arguments: Sequence[str], meta: dict[str, Any]) -> int:
    format = Format(meta.get(FORMAT_KEY) or requested_format(arguments))
    command = str(meta.get(COMMAND_KEY) or _first_word(arguments))
    try:
        emit(reply, command, format)
    except OutputClosed:
        return _leave_quietly(reply.exit_code)
    except StoreFailed as error:
        failure = failed(error)
        sys.stdout = _nowhere()  # for the interpreter's last flush
        emit(failure, command, Format.TEXT)
        return int(failure.exit_code)
    return int(reply.exit_code)


def _open_closed_streams() -> None:
    """A caller may have closed them (`>&-`); the interpreter then has None there."""
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()


def _nowhere() -> TextIO:
    return open(os.devnull, "w")  # noqa: PTH123 - stays open until the process ends


def _leave_quietly(code: Exit) -> int:
    """Nobody reads stdout any more; without this the interpreter complains when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(code)


def _first_word(arguments: Sequence[str]) -> str:
    return next((word for word in arguments if not word.startswith("-")), "")


def _usage_reply(error: click.ClickException, meta: dict[str, Any]) -> Reply:
    message = " ".join(error.format_message().split())
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and isinstance(error.ctx.command, click.Group):
        message = f"which command? There is {', '.join(error.ctx.command.list_commands(error.ctx))}"
    if context is not None:
        meta.setdefault(COMMAND_KEY, command_name(context))
        ended = message.rstrip(".")
        stop = "" if ended.endswith("?") else "."  # click may end with a question: Did you mean 'diff'?
        message = f"{ended}{stop} `{context.command_path} --help` shows what there is."
    return _failure("UsageError", message, Exit.INPUT)


def _failure(kind: str, message: str, code: Exit) -> Reply:
    return Reply(Status.ERROR, error=Failure(kind, message, code))


def _unexpected(error: Exception, arguments: Sequence[str]) -> Reply:
    if isinstance(error, OSError) and error.errno in _MACHINE:
        what = f": {error.filename}" if error.filename else ""
        return failed(EnvironmentFailed(f"the machine refuses: {error.strerror}{what}"))
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith(PROGRAM):
        return failed(ConfigError(f"this needs {error.name}, which is not installed: pip install 'opswright[all]'"))
    from opswright.cli.bug import write_report

    report = write_report(error, arguments)
    message = f"a bug in opswright ({type(error).__name__}); {report}"
    return _failure("Bug", message, Exit.BUG)
