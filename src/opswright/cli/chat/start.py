"""`opswright` at a terminal: opens a session and reads one request after the other until the person leaves."""

import contextlib
import importlib.util
import os
import signal
import sys
from typing import TYPE_CHECKING

from opswright import __version__
from opswright.cli.chat.terminal import is_terminal
from opswright.console import Options, Reply, Status, heading, inline
from opswright.console.reply import Format
from opswright.errors import ConfigError, InputError, OpswrightError

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from opswright.agents.wiring import Doors
    from opswright.cli.chat.conversation import Conversation


def can_chat(format: Format) -> bool:
    """Is there a person at a terminal who wants text?"""
    return format is Format.TEXT and is_terminal()


def chat(options: Options, session: str | None = None, last: bool = False, doors: "Doors | None" = None) -> Reply:
    """A new session, the given one, or the last. Returns when the person leaves.

    Raises ConfigError without prompt_toolkit, InputError for an unknown session, EnvironmentFailed for one that is
    open elsewhere.
    """
    if not can_chat(options.format):
        raise InputError('a chat needs a terminal; a single request does not: opswright -p "REQUEST" --file FILE')
    if importlib.util.find_spec("prompt_toolkit") is None:
        raise ConfigError(
            "the chat needs prompt_toolkit: pip install 'opswright[chat]' (-p REQUEST works without it)", "chat"
        )
    from opswright.agents.runs import new_run_id
    from opswright.agents.sessions import Sessions, hold
    from opswright.cli.chat.conversation import Conversation
    from opswright.cli.chat.screen import Screen
    from opswright.console.leaving import others_at_work
    from opswright.knowledge.journal import Journal

    sessions = Sessions(Journal(options.settings.journal_path))
    if last and (session := sessions.latest()) is None:
        raise InputError("there is no session to continue yet; `opswright` begins one", "-c")
    id = session or new_run_id()
    if session is not None:
        sessions.get(session)
    with hold(options.settings, id), contextlib.closing(Conversation(options, id, Screen(), doors)) as conversation:
        _converse(conversation)
        turns = len(conversation.session().turns)
    lock = options.settings.state_dir / "sessions" / f"{id}.lock"
    lock.unlink(missing_ok=True)
    if turns:
        conversation.screen.dim(f"session {id}, {turns} turn{'s' * (turns != 1)}; go on with: opswright -c")
    if others_at_work():
        sys.stdout.flush()
        os._exit(0)
    return Reply(Status.DONE, {"session": id, "turns": turns})


def _converse(conversation: "Conversation") -> None:
    """Reads and answers until the person leaves. Raises KeyboardInterrupt where the process is told to end."""
    keys = _Interrupts()
    old = [(number, signal.signal(number, keys)) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        _greet(conversation)
        prompt = _prompt(conversation)
        asked_to_leave = False
        while True:
            try:
                typed = keys.read(prompt)
            except EOFError:
                return
            except KeyboardInterrupt:
                if keys.told_to_end:
                    raise
                if asked_to_leave:
                    return
                asked_to_leave = True
                conversation.screen.dim("Ctrl-C once more leaves, as does Ctrl-D")
                continue
            asked_to_leave = False
            if typed and not _answered(conversation, typed, keys):
                return
    finally:
        for number, handler in old:
            signal.signal(number, handler)


class _Interrupts:
    """Ctrl-C and SIGTERM. One that comes between two prompts counts as pressed at the next one."""

    def __init__(self) -> None:
        self.told_to_end = False
        self._working = False
        self._pressed = False

    def __call__(self, number: int, frame: object) -> None:
        """The handler of both signals (a prompt and a turn have their own for Ctrl-C)."""
        self.told_to_end |= number == signal.SIGTERM
        self._pressed = True
        if self._working or self.told_to_end:
            raise KeyboardInterrupt

    def read(self, prompt: "PromptSession[str]") -> str:
        """What is typed next. Raises KeyboardInterrupt and EOFError."""
        from opswright.cli.chat.reading import read

        try:
            self._working = True  # until the prompt has the terminal, and its own handler, Ctrl-C comes here
            if self.told_to_end or self._pressed:
                raise KeyboardInterrupt
            return read(prompt)
        finally:
            self.working(False)

    def working(self, on: bool) -> None:
        """Something works now that Ctrl-C is to interrupt."""
        self._working, self._pressed = on, False


def _answered(conversation: "Conversation", typed: str, keys: _Interrupts) -> bool:
    """Runs a command or a turn; False when the person leaves. What goes wrong is shown, and the chat goes on."""
    from opswright.cli.chat.slash import Leave, run_slash

    try:
        keys.working(True)
        run_slash(conversation, typed) if typed.startswith("/") else conversation.turn(typed)
        keys.working(False)
    except Leave:
        return False
    except KeyboardInterrupt:  # at a question of a command
        keys.working(False)
        conversation.screen.dim("stopped")
    except OpswrightError as error:  # the disk is full, the journal locked
        keys.working(False)
        conversation.screen.error(str(error))
    return True


def _prompt(conversation: "Conversation") -> "PromptSession[str]":
    from opswright.cli.chat.reading import Typed, Words, reader
    from opswright.cli.chat.slash import SLASHES, TIERS

    path = conversation.settings.chat_history_path
    history = Typed(path, conversation.id, conversation.screen.error)
    words = Words([(one.name, one.help) for one in SLASHES], list(conversation.manifests), TIERS)
    return reader(history, words, lambda: _toolbar(conversation))


def _toolbar(conversation: "Conversation") -> str:
    files = len(conversation.attached)
    attached = f"{files} file{'s' * (files != 1)} attached, " if files else ""
    return f" {attached}tier {conversation.tier}, ${conversation.ledger.spent.cost_usd:.4f} spent, /help"


def _greet(conversation: "Conversation") -> None:
    screen, session = conversation.screen, conversation.session()
    screen.text(heading(f"opswright {__version__}") + " acts only on what it has checked.")
    tiers = conversation.settings.models.tiers()
    models = f"models: {', '.join(tiers)}" if tiers else "no model is configured: solvers work alone"
    screen.dim(f"specialists: {', '.join(conversation.manifests)}; {models}")
    if session.turns:
        screen.dim(f"session {session.id}, {len(session.turns)} turns: {session.title}")
        screen.text(heading(f"> {inline(session.turns[-1].request)}"))
        screen.answer(session.turns[-1].answer or f"({session.turns[-1].status})")
        if conversation.attached:
            screen.attached(conversation.attached)
    else:
        examples = [one.routing.examples[0] for one in conversation.manifests.values() if one.routing.examples]
        screen.dim(f"ask for something, such as: {examples[0]}" if examples else "ask for something")
    screen.dim("/help lists the commands, @FILE attaches a file, Ctrl-D leaves")
