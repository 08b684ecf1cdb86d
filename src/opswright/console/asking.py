"""Asking a person to approve an action, where there is one at a terminal."""

import sys
from collections.abc import Callable

from opswright.console.output import write_error_stream
from opswright.console.reply import Format
from opswright.console.text import heading, hint, paint_diffs
from opswright.nouns import Action

Ask = Callable[[Action, str], bool]


def person(format: Format = Format.TEXT) -> Ask | None:
    """Who can be asked; None without a terminal, where an unanswered question ends the run with exit code 5.

    Whoever wants JSON is a program, even where it was started at a terminal.
    """
    terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    return ask if terminal and format is Format.TEXT else None


def question_lines(action: Action, reason: str) -> list[str]:
    """What a person reads before answering: the action's whole preview, a diff in colour."""
    return [
        heading(f"{action.effect} ({action.risk}, {action.environment}) needs your approval: {reason}"),
        paint_diffs((action.preview or str(dict(action.arguments))).rstrip("\n")),
        hint(f"action {action.hash[:12]}"),
    ]


def ask(action: Action, reason: str) -> bool:
    """Shows exactly what would be done, on stderr, and returns the answer; anything but yes is no."""
    write_error_stream("\n".join(question_lines(action, reason)))
    write_error_stream("Do it? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")  # the end of input is a no, Ctrl-C an interrupt
