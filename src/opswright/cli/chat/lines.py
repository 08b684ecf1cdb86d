"""A line for each task of a turn while it works: who, what, since when. Several specialists stand below each other."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opswright.agents.progress import Step
from opswright.cli.chat.terminal import is_plain
from opswright.console import inline
from opswright.console.output import write_text

if TYPE_CHECKING:
    from rich.console import RenderableType

REFRESH_PER_SECOND = 8
STOPPING = "stopping ... (Ctrl-C again leaves at once)"
_DIM = "\x1b[2m{}\x1b[0m"
_MARKS = {"accepted": "✓", "approval": "?", "rejected": "✗", "error": "✗", "budget": "✗", "undecided": "?"}


@dataclass
class _Row:
    step: Step
    began: float
    ended: float | None = None


class TaskLines:
    """The lines of one turn. `report` may be called from any thread; the others from the main one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, plain: bool | None = None) -> None:
        self._clock = clock
        self._plain = is_plain() if plain is None else plain
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()
        self._live: Any = None
        self._note = ""
        self._stops = False
        self._began = clock()

    def report(self, step: Step) -> None:
        """A step of a task: its line is changed; where lines cannot be changed, it is one."""
        with self._lock:
            row = self._rows.setdefault(step.task, _Row(step, self._clock()))
            if step.phase == "begun":
                row.began = self._clock()
            if step.phase == "ended":
                row.ended = self._clock()
            row.step = step
            several = len(self._rows) > 1
        if self._live is None:
            if step.phase in ("working", "ended") and step.message:
                self._print(f"{self._named(step, several)}: {inline(step.message)}")
        elif step.phase == "ended" and several:
            self._live.console.print(self._text(row))

    def say(self, message: str) -> None:
        """A line that stays, above the ones that change."""
        if self._live is None:
            self._print(inline(message))
        else:
            from rich.text import Text

            self._live.console.print(Text(inline(message), style="dim"))

    def wait_for(self, what: str) -> None:
        """What is waited for while no task is at work."""
        self._note = what

    def stopping(self) -> None:
        """Says that the turn is being stopped; called from a signal handler, so nothing is printed through a stream."""
        self._stops = True
        if self._live is None:
            os.write(1, f"\r\n{STOPPING}\r\n".encode())

    def start(self) -> None:
        """Shows the lines from now on."""
        if self._plain or self._live is not None:
            return
        from rich.console import Console
        from rich.live import Live

        console = Console(highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=console,
            get_renderable=self._rendered,
            transient=True,
            refresh_per_second=REFRESH_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="ellipsis",
        )
        self._live.start()

    def stop(self) -> None:
        """Takes the lines away: something else is to be shown, or the turn is over."""
        if self._live is not None:
            live, self._live = self._live, None
            live.stop()

    def _rendered(self) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        with self._lock:
            rows = [row for row in self._rows.values() if row.ended is None]
        if not rows:
            seconds = self._clock() - self._began
            shown = [Text(f"{self._spinner()} {self._note or 'reading the request'}  {seconds:.1f} s", style="dim")]
        else:
            shown = [self._text(row) for row in rows]
        return Group(*shown, Text(STOPPING, style="yellow")) if self._stops else Group(*shown)

    def _text(self, row: _Row) -> Any:
        """One line, cut to the terminal's width."""
        from rich.text import Text

        step = row.step
        mark = _MARKS.get(step.status, "·") if row.ended is not None else self._spinner()
        doing = f"{step.status}: {step.message}" if row.ended is not None else step.message
        if step.phase == "planned":
            mark, doing = "·", f"waits for {', '.join(step.after)}" if step.after else "waits for its turn"
        seconds = (self._clock() if row.ended is None else row.ended) - row.began
        elapsed = "" if step.phase == "planned" else f"  {seconds:.1f} s"
        several = len(self._rows) > 1
        room = self._live.console.width - len(elapsed) - 1 if self._live is not None else 78
        line = Text(f"{self._fitting(mark)} {self._named(step, several)}  {inline(doing) or 'begins'}", no_wrap=True)
        line.truncate(max(10, room), overflow="ellipsis")
        return line.append(elapsed, style="dim")

    def _named(self, step: Step, several: bool) -> str:
        return f"{step.task} {step.specialist}" if several else step.specialist

    def _spinner(self) -> str:
        return self._fitting("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[int(self._clock() * REFRESH_PER_SECOND) % 10])

    def _fitting(self, mark: str) -> str:
        """The mark, or a plain one where the terminal cannot spell it."""
        encoding = "ascii" if self._live is None else self._live.console.encoding
        try:
            mark.encode(encoding)
        except (UnicodeEncodeError, LookupError):
            return {"✓": "+", "✗": "x", "?": "?"}.get(mark, "*")
        return mark

    def _print(self, line: str) -> None:
        write_text(_DIM.format(line))
