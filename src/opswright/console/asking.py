"""Asking a person to approve an action, where there is one at a terminal."""

import sys
from collections.abc import Callable

import click

from opswright.console.output import write_error_stream
from opswright.console.text import heading, hint, visible
from opswright.nouns import Action

Ask = Callable[[Action, str], bool]


def person() -> Ask | None:
    """Who can be asked; None without a terminal, where an unanswered question ends the run with exit code 5."""
    return ask if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty() else None


def ask(action: Action, reason: str) -> bool:
    """Shows exactly what would be done, on stderr, and returns the answer; anything but yes is no."""
    lines = [
        heading(f"{action.effect} ({action.risk}, {action.environment}) needs your approval: {reason}"),
        visible(action.preview),
        hint(f"action {action.hash[:12]}"),
    ]
    write_error_stream("\n".join(line for line in lines if line))
    answer = click.prompt("Do it? [y/N]", default="", show_default=False, err=True, prompt_suffix=" ")
    return answer.strip().lower() in ("y", "yes")
