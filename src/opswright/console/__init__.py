"""What a command prints: shared options, the JSON envelope, progress and cost on stderr.

A command is decorated with `common_options`, takes `options: Options` first and returns a `Reply`; `main` prints it.
"""

from opswright.console.asking import Ask, person
from opswright.console.options import Options, common_options
from opswright.console.output import Progress, emit
from opswright.console.reply import Failure, Format, Reply, Status
from opswright.console.text import bad, diff_text, good, heading, hint, inline, one_line, visible

__all__ = [
    "Ask",
    "Failure",
    "Format",
    "Options",
    "Progress",
    "Reply",
    "Status",
    "bad",
    "common_options",
    "diff_text",
    "emit",
    "good",
    "heading",
    "hint",
    "inline",
    "one_line",
    "person",
    "visible",
]
