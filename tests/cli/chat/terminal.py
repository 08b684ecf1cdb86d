"""The program at a pseudo-terminal: what is typed, what is shown, waited for with a deadline and never slept for."""

import fcntl
import os
import pty
import re
import secrets
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import pytest

from tests.cli.chat.screen import Screen
from tests.cli.program import Program
from tests.processes import wait_for

LONGEST_WAIT_S = 30.0
MARK = "CHAT_TEST_MARK"  # in the environment of every process of one chat
ENTER, CTRL_C, CTRL_D, TAB, UP, ALT_ENTER = "\r", "\x03", "\x04", "\t", "\x1b[A", "\x1b\r"
_ESCAPES = re.compile(r"\x1b(?:\[[?>=]?[0-9;]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Za-z0-9]|[=>78cM])")


class Terminal:
    """One chat. `shown` waits for text; what was found is passed over, so that the next wait is for something new."""

    def __init__(
        self,
        program: Program,
        *arguments: str,
        command: Sequence[str] = ("-m", "opswright.cli"),
        size: tuple[int, int] = (100, 40),
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = Screen(*size)
        self.mark = secrets.token_hex(8)
        self._leader, follower = pty.openpty()
        self._set_size(follower, *size)
        self._process = subprocess.Popen(
            [sys.executable, "-P", *command, *arguments],
            cwd=program.folder,
            env={**program.environment, "TERM": "xterm", "LC_ALL": "C.UTF-8", MARK: self.mark, **(extra or {})},
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(follower)
        self.raw, self._plain, self._seen = "", "", 0
        self._at_prompt = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def press(self, *keys: str) -> None:
        """Presses keys."""
        self._at_prompt = False
        os.write(self._leader, "".join(keys).encode())

    def say(self, line: str) -> None:
        """Types a line and sends it, once the prompt is there."""
        self.prompted()
        self.press(line, ENTER)

    def prompted(self) -> None:
        """Waits for the prompt, unless it is there since nothing was typed: its toolbar is drawn last."""
        if not self._at_prompt:
            self.shown("spent, /help")
        self._at_prompt = True

    def shown(self, text: str) -> str:
        """Waits until the text is written and returns what came before it since the last wait."""
        give_up = time.monotonic() + LONGEST_WAIT_S
        with self._news:
            while (at := self._plain.find(text, self._seen)) < 0:
                left = give_up - time.monotonic()
                if left <= 0 or (self._ended() and not self._reader.is_alive()):
                    pytest.fail(f"{text!r} was not shown; after the last wait came:\n{self._plain[self._seen :]}")
                self._news.wait(min(left, 0.5))
            before, self._seen = self._plain[self._seen : at], at + len(text)
            return before

    def screen_shows(self, text: str) -> None:
        """Waits until the screen itself, redrawn as it may be, has the text."""
        give_up = time.monotonic() + LONGEST_WAIT_S
        with self._news:
            while text not in self.screen.text():
                if time.monotonic() > give_up:
                    pytest.fail(f"{text!r} is not on the screen:\n{self.screen.text()}")
                self._news.wait(0.5)

    def all(self) -> str:
        """Everything that was written, without escape sequences."""
        with self._news:
            return self._plain

    def resize(self, columns: int, rows: int) -> None:
        """As dragging the window's corner."""
        self.screen.resize(columns, rows)
        self._set_size(self._leader, columns, rows)
        os.kill(self._process.pid, signal.SIGWINCH)

    def end(self) -> None:
        """SIGTERM, as a shutdown sends it."""
        self._process.terminate()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def code(self) -> int:
        """Waits for the program's end; its exit code."""
        return self._process.wait(LONGEST_WAIT_S)

    def leftovers(self) -> list[int]:
        """Processes that this chat started and that still run, itself included."""
        wanted = f"{MARK}={self.mark}".encode()
        return [int(place.name) for place in Path("/proc").glob("[0-9]*") if wanted in _environment(place)]

    def gone(self) -> None:
        """Waits until nothing of it runs any more."""
        wait_for(lambda: not self.leftovers(), f"the end of {self.leftovers()}")

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(LONGEST_WAIT_S)
        os.close(self._leader)

    def _ended(self) -> bool:
        return self._process.poll() is not None

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._leader, 1 << 16).decode("utf-8", "replace")
            except OSError:
                piece = ""
            with self._news:
                if not piece:
                    self._news.notify_all()
                    return
                asked = self.screen.asked
                self.screen.feed(piece)
                self.raw += piece
                self._plain = _ESCAPES.sub("", self.raw).replace("\r", "")
                self._news.notify_all()
            for _ in range(self.screen.asked - asked):
                os.write(self._leader, f"\x1b[{self.screen.row + 1};{self.screen.column + 1}R".encode())

    @staticmethod
    def _set_size(descriptor: int, columns: int, rows: int) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _environment(place: Path) -> bytes:
    try:
        return (place / "environ").read_bytes()
    except OSError:
        return b""
