"""What the chat shows of a turn: what was carried over, the question before a change, the answer, the cost."""

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from opswright.cli.chat.terminal import echo, forget_typed
from opswright.console import bad, good, heading, hint, inline, one_line, visible
from opswright.console.asking import question_lines
from opswright.console.output import write_text
from opswright.console.text import in_diff, paint_diffs
from opswright.nouns import Action, Usage

if TYPE_CHECKING:
    from opswright.agents.outcomes import TaskOutcome
    from opswright.agents.sessions import Turn
    from opswright.cli.chat.lines import TaskLines

_DIM = "\x1b[2m{}\x1b[0m"
_WRAPPING: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": "  "}
UNCHECKED = "the model's words, unchecked; nothing in them was done:"


class Screen:
    """Shows a turn. `lines`: those of the turn at work, taken away while something else is shown."""

    def __init__(self) -> None:
        self.lines: TaskLines | None = None
        self._streaming = False

    def _clear(self) -> None:
        """Takes the lines of the turn away: what is written now stands where they did."""
        if self.lines is not None:
            self.lines.stop()

    def note(self, message: str) -> None:
        """A line of progress."""
        if self.lines is not None:
            self.lines.say(message)
        else:
            self.dim(message)

    def dim(self, message: str) -> None:
        """A line that is not the answer."""
        self._clear()
        write_text("\n".join(_DIM.format(line) for line in wrapped(inline(message)).split("\n")))

    def text(self, text: str) -> None:
        """Lines of ours, colours kept."""
        self._clear()
        write_text(text)

    def error(self, message: str) -> None:
        """What went wrong, on one line."""
        self._clear()
        write_text(f"{bad('error')}: {one_line(message)}")

    def confirmed(self, question: str) -> bool:
        """A yes or no; the end of input is a no. Ctrl-C is an interrupt."""
        forget_typed()
        write_text(f"{question} [y/N] ", end="")
        with echo(True):
            return sys.stdin.readline().strip().lower() in ("y", "yes")

    def ask(self, action: Action, reason: str) -> bool:
        """Shows exactly what would be done and returns the answer; anything but yes is no."""
        self.text("\n".join(question_lines(action, reason)))
        answer = self.confirmed("Do it?")
        self.text(good("approved") if answer else bad("refused: it is not done"))
        if self.lines is not None:
            self.lines.start()
        return answer

    def streamed(self, piece: str) -> None:
        """A piece of what a model says, as it comes."""
        if not self._streaming:
            self._streaming = True
            self.dim(UNCHECKED)
        write_text(visible(piece), end="")

    def stream_over(self) -> None:
        """Ends the line that was streamed, also where the model was cut off."""
        if self._streaming:
            self._streaming = False
            write_text("")

    def answer(self, text: str) -> None:
        """The answer of a turn, its diffs in colour."""
        self._clear()
        write_text(paint_diffs(wrapped(text.rstrip("\n"))))

    def attached(self, names: Sequence[str]) -> None:
        """What is attached."""
        said = ", ".join(inline(name) for name in names)
        self.dim(f"attached: {said}" if names else "nothing is attached")

    def cost(self, usage: Usage, tiers: Sequence[str]) -> None:
        """What the turn took: tokens, USD, cached share, tiers."""
        self.dim(cost_of(usage, tiers))

    def ended(self, turn: "Turn", outcomes: "Sequence[TaskOutcome]") -> None:
        """What follows the answer: cost and receipts."""
        tiers = [tier for outcome in outcomes for tier, _ in outcome.tried] or [turn.tier] * bool(turn.tier)
        self.cost(turn.usage, tiers)
        for receipt in turn.receipts:
            write_text(_DIM.format(inline(f"receipt: {receipt}")))  # not wrapped: a path is copied from there

    def head(self, text: str) -> None:
        """A heading."""
        write_text(heading(text))

    def hint(self, text: str) -> None:
        """What to do next."""
        write_text(hint(text))


def wrapped(text: str) -> str:
    """The text with long lines broken between words; those of a diff stay as they are."""
    width = max(20, shutil.get_terminal_size().columns - 1)
    lines, inside = [], False
    for line in text.split("\n"):
        inside = in_diff(line, inside)
        long = len(line) > width and not inside
        lines += textwrap.wrap(line, width, **_WRAPPING) or [""] if long else [line]
    return "\n".join(lines)


def cost_of(usage: Usage, tiers: Sequence[str]) -> str:
    """One line. Of `tiers` each round counts."""
    about = "about " if usage.estimated else ""
    calls = "no model called" if usage.calls == 0 else f"{usage.calls} model call{'s' * (usage.calls != 1)}"
    share = f" ({100 * usage.cached_tokens / usage.tokens:.0f} % cached)" if usage.tokens else ""
    parts = [f"{about}{usage.tokens:,} tokens{share}", f"${usage.cost_usd:.4f}", calls, f"{usage.seconds:.1f} s"]
    counts = Counter(tiers)
    if counts:
        parts.append("tiers: " + ", ".join(f"{tier} {count}" if count > 1 else tier for tier, count in counts.items()))
    return f"cost: {', '.join(parts)}"
