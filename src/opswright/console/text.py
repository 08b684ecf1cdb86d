"""Text for a terminal: a few colours, diffs, and untrusted strings made visible.

Colours are ANSI codes that `emit` strips where the stream is no terminal or NO_COLOR is set.
"""

import difflib
import re

import click

_OURS = re.compile(r"\x1b\[(?:0|1|2|31|32|33|36)m")
# Control characters, the marks that reorder text, and what has no width: a policy's own text must not drive the
# terminal, nor hold what a person who approves it does not see.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """The text with every control and reordering character (but newline and tab) spelled out as an escape."""
    return _HIDDEN.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def inline(text: str) -> str:
    """A value within a line: line breaks and tabs are spelled out too, so that none of it passes for a line of ours."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def one_line(text: str) -> str:
    """The text on one line, safe for a terminal."""
    return visible(" ".join(text.split()))


def screen(text: str) -> str:
    """The text with our own colours kept and every other control character made visible."""
    parts: list[str] = []
    start = 0
    for colour in _OURS.finditer(text):
        parts += [visible(text[start : colour.start()]), colour[0]]
        start = colour.end()
    return "".join([*parts, visible(text[start:])])


def good(text: str) -> str:
    """Green, for what holds."""
    return click.style(visible(text), fg="green")


def bad(text: str) -> str:
    """Red, for what does not."""
    return click.style(visible(text), fg="red")


def heading(text: str) -> str:
    """Bold, for the line above a block."""
    return click.style(visible(text), bold=True)


def hint(text: str) -> str:
    """Yellow, for what to do next."""
    return click.style(visible(text), fg="yellow")


def in_diff(line: str, before: bool) -> bool:
    """Is this a line of a unified diff? `before`: was the line before it one?"""
    return line.startswith(("--- ", "+++ ", "@@ ")) or (before and line[:1] in ("+", "-", " ", "\\"))


def paint_diffs(text: str) -> str:
    """The text, made visible, with the lines of every unified diff in it coloured."""
    lines, inside = [], False
    for line in text.split("\n"):
        inside = in_diff(line, inside)
        lines.append(_diff_line(line) if inside else visible(line))
    return "\n".join(lines)


def diff_text(old: str, new: str, name: str, context: int = 3) -> str:
    """A unified diff of two texts, coloured; empty when they are equal."""
    lines = difflib.unified_diff(
        _lines(old), _lines(new), f"a/{name.lstrip('/')}", f"b/{name.lstrip('/')}", n=context, lineterm=""
    )
    return "\n".join(_diff_line(line) for line in lines)


def _lines(text: str) -> list[str]:
    # Not splitlines: a line separator within a string of a document would make a line of the diff out of it.
    return text.removesuffix("\n").split("\n") if text else []


def _diff_line(line: str) -> str:
    if line.startswith(("---", "+++")):
        return heading(line)
    if line.startswith("@@"):
        return click.style(visible(line), fg="cyan")
    if line.startswith("+"):
        return good(line)
    return bad(line) if line.startswith("-") else visible(line)
