"""Reading what a person types: several lines, completion, history. Loaded when a chat begins (prompt_toolkit)."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, get_common_complete_suffix
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.formatted_text import AnyFormattedText
from prompt_toolkit.history import History
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from opswright.cli.chat.history import add_line, read_lines
from opswright.console import inline
from opswright.errors import StoreFailed

PROMPT, MORE = "> ", "  "
MOST_NAMES = 200
_FILE_WORD = re.compile(r"(?:(?:^|(?<=\s))@|^/file\s(?:.*\s)?)(\S*)$")
_FIRST_WORD = re.compile(r"^/(\w*)$")
_LAST_WORD = re.compile(r"(?:^|\s)([A-Za-z_]{2,})$")


class Words(Completer):
    """Commands after a slash, file names after @ and /file, names of specialists elsewhere."""

    def __init__(self, commands: Sequence[tuple[str, str]], specialists: Sequence[str], tiers: Sequence[str]) -> None:
        self._commands, self._specialists, self._tiers = commands, specialists, tiers

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the word before the cursor may become."""
        text = document.text_before_cursor
        line = document.current_line_before_cursor
        if found := _FIRST_WORD.search(text):
            for name, help in self._commands:
                if name.startswith(found[1]):
                    yield Completion(name, -len(found[1]), display=f"/{name}", display_meta=help)
        elif text.startswith("/tier "):
            yield from (Completion(tier, -len(text) + 6) for tier in self._tiers if tier.startswith(text[6:]))
        elif text.startswith("/files "):
            yield from (Completion("clear", -len(text) + 7) for _ in range("clear".startswith(text[7:])))
        elif found := _FILE_WORD.search(line):
            yield from _paths(found[1])
        elif not text.startswith("/") and (found := _LAST_WORD.search(line)) and complete_event.completion_requested:
            word = found[1]
            yield from (Completion(name, -len(word)) for name in self._specialists if name.startswith(word))


def _paths(word: str) -> Iterable[Completion]:
    """The files and folders that a path may go on with; hidden ones where the dot is typed."""
    folder, _, beginning = word.rpartition("/")
    place = Path(f"{folder}/" if folder or word.startswith("/") else ".").expanduser()
    try:
        names = sorted(entry.name + "/" * entry.is_dir() for entry in os.scandir(place))
    except OSError:
        return
    shown = [one for one in names if one.startswith(beginning) and (beginning.startswith(".") or one[0] != ".")]
    for name in shown[:MOST_NAMES]:
        if " " in name and name.isprintable() and '"' not in word + name:
            yield Completion(f'"{word[: len(word) - len(beginning)]}{name}"', -len(word), display=inline(name))
        elif name.isprintable() and " " not in name:
            yield Completion(name, -len(beginning), display=inline(name))


class Typed(History):
    """The history file; a file that cannot be written is said once and does not stop anybody."""

    def __init__(self, path: Path, session: str, say: Callable[[str], None]) -> None:
        super().__init__()
        self._path, self._session, self._say = path, session, say
        self._broken = False

    def load_history_strings(self) -> Iterable[str]:
        """Newest first."""
        try:
            return read_lines(self._path)
        except StoreFailed as error:
            self._fails(error)
            return []

    def store_string(self, string: str) -> None:
        """Adds a line."""
        if self._broken:
            return
        try:
            add_line(self._path, self._session, string)
        except StoreFailed as error:
            self._fails(error)

    def _fails(self, error: StoreFailed) -> None:
        self._broken = True
        self._say(f"the history is not kept: {error}")


def reader(history: History, words: Completer, toolbar: Callable[[], AnyFormattedText]) -> "PromptSession[str]":
    """The prompt. Raises KeyboardInterrupt for Ctrl-C at an empty line, EOFError for Ctrl-D there."""
    return PromptSession(
        message=[("bold", PROMPT)],
        prompt_continuation=lambda width, line, wrapped: MORE,
        multiline=True,
        history=history,
        completer=words,
        complete_while_typing=True,
        complete_in_thread=True,
        key_bindings=_keys(words),
        bottom_toolbar=toolbar,
        enable_open_in_editor=True,
        reserve_space_for_menu=6,
        search_ignore_case=True,
    )


def _keys(words: Completer) -> KeyBindings:
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)  # and not searching the history, where keys mean something else

    @keys.add("tab", filter=typing)
    def _complete(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and len(state.completions) > 1:
            buffer.complete_next()
            return
        # Not left to the menu's own thread, which would lose a Tab that is pressed while it still looks.
        found = list(words.get_completions(buffer.document, CompleteEvent(completion_requested=True)))
        if len(found) == 1:
            buffer.apply_completion(found[0])
        elif found:
            buffer.insert_text(get_common_complete_suffix(buffer.document, found))
            buffer.start_completion(complete_event=CompleteEvent(completion_requested=True))

    @keys.add("enter", filter=typing)
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            buffer.complete_state = None  # takes what is chosen in the menu
        elif buffer.document.current_line_before_cursor.endswith("\\") and buffer.document.is_cursor_at_the_end:
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter", filter=typing)
    def _newline(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c", filter=typing)
    def _interrupt(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            event.app.exit(exception=KeyboardInterrupt, style="class:aborting")

    return keys


def read(prompt: "PromptSession[str]") -> str:
    """What was typed, without the blanks around it."""
    typed: Any = prompt.prompt()
    return str(typed).strip()
