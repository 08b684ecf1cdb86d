"""Printing: one envelope or text on stdout; progress, cost and errors on stderr."""

import json
import os
import sys
from dataclasses import dataclass
from typing import TextIO

import click

from opswright.console.reply import Format, Reply
from opswright.console.text import bad, hint, one_line, screen
from opswright.errors import StoreFailed
from opswright.nouns import Json, Usage

EVENT_SCHEMA = "opswright/event/1"


class OutputClosed(Exception):
    """Whoever read our stdout went away; there is nobody to tell."""


def _write(stream: TextIO, text: str, end: str = "\n") -> None:
    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    if not colour:
        text = click.unstyle(text)
    # A terminal or pipe in the C locale cannot spell every character; an escape is better than a crash.
    encoding = stream.encoding or "utf-8"
    _put(stream, text.encode(encoding, "backslashreplace").decode(encoding) + end)


def _put(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        if stream is sys.stdout:
            raise OutputClosed from None
    except OSError as error:
        if stream is sys.stdout:
            raise StoreFailed(f"cannot write to standard output: {error.strerror}") from None


def write_error_stream(text: str) -> None:
    """Lines for a person on stderr; our own colours stay, everything else is made visible."""
    _write(sys.stderr, screen(text))


def write_text(text: str, end: str = "\n") -> None:
    """Text for a person on stdout, safe as on stderr."""
    _write(sys.stdout, screen(text), end)


@dataclass(frozen=True)
class Progress:
    """Where a command reports what it is doing: lines on stderr, or events on stdout with `stream-json`."""

    format: Format
    command: str

    def __call__(self, message: str, **details: Json) -> None:
        """One step. `details` appear in `stream-json` events only."""
        if self.format is not Format.STREAM_JSON:
            write_error_stream(f"\x1b[2m{one_line(message)}\x1b[0m")
            return
        event = {"schema": EVENT_SCHEMA, "command": self.command, "event": "progress", "message": message, **details}
        _write_json(event)


def _write_json(value: Json) -> None:
    # ASCII only: any terminal, any locale, and no control character reaches it raw.
    _put(sys.stdout, json.dumps(value, ensure_ascii=True, allow_nan=False) + "\n")


def cost_line(usage: Usage, tier: str) -> str:
    """What was spent, on one line."""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    about = "about " if usage.estimated else ""
    calls = "no model called" if usage.calls == 0 else f"{usage.calls} model call{'s' * (usage.calls != 1)}"
    spent = f"{about}{usage.tokens:,} tokens{cached}, ${usage.cost_usd:.4f}, {usage.seconds:.2f} s"
    return f"cost: {f'{tier} tier, ' if tier else ''}{calls}, {spent}"


def emit(reply: Reply, command: str, format: Format) -> None:
    """Prints a reply: the envelope, or text on stdout with error, cost and receipts on stderr."""
    if format is not Format.TEXT:
        _write_json(reply.envelope(command))
    elif reply.text:
        _write(sys.stdout, screen(reply.text.rstrip("\n")))
    if reply.error is not None:
        word = "interrupted" if reply.error.exit_code == 130 else "error"
        _write(sys.stderr, f"{bad(word)}: {one_line(reply.error.message)}")
        if reply.error.action_hash and "opswright approve" not in reply.error.message:
            _write(sys.stderr, hint(f"approve it with: opswright approve {reply.error.action_hash}"))
    if reply.usage != Usage() or reply.tier:
        _write(sys.stderr, cost_line(reply.usage, reply.tier))
    for receipt in reply.receipts:
        _write(sys.stderr, f"receipt: {one_line(receipt)}")
