"""The chat's own commands: /help, /tier, /files and so on. Each is one function; none of them asks a model."""

import difflib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opswright.agents.attempts import Attempt, Attempts
from opswright.cli.chat.conversation import Conversation
from opswright.cli.chat.screen import cost_of
from opswright.console import bad, good, heading, inline
from opswright.console.asking import question_lines
from opswright.console.text import paint_diffs
from opswright.errors import InputError, OpswrightError
from opswright.nouns import Budget, Tier, Usage

TIERS = ("auto", "solver", "low", "mid", "high")
SHOWN = 15  # lines of a list


class Leave(Exception):
    """The person leaves the chat."""


@dataclass(frozen=True)
class Slash:
    """One command. `arguments`: how they are written in the help."""

    name: str
    arguments: str
    help: str
    run: Callable[[Conversation, str], None]


def run_slash(conversation: Conversation, typed: str) -> None:
    """Runs what was typed after the slash; a beginning that only one command has is enough. Shows what goes wrong."""
    name, _, rest = typed[1:].strip().partition(" ")
    exact = [one for one in SLASHES if one.name == name]
    found = exact or [one for one in SLASHES if name and one.name.startswith(name)]
    if len(found) != 1:
        conversation.screen.error(_unknown(name, [one.name for one in found]))
        return
    try:
        found[0].run(conversation, rest.strip())
    except OpswrightError as error:
        conversation.screen.error(str(error))


def _unknown(name: str, several: list[str]) -> str:
    if several:
        return f"/{name} could be {', '.join(f'/{one}' for one in several)}"
    close = difflib.get_close_matches(name, [one.name for one in SLASHES], 1, 0.5)
    meant = f"; did you mean /{close[0]}?" if close else ""
    return f"there is no /{name}{meant} (/help lists them)"


_KEYS = (
    "Enter sends; Alt-Enter, or a backslash at the end of a line, begins a new line",
    "Tab completes, Ctrl-R searches what was typed, @PATH in a request attaches a file",
    "Ctrl-C stops a turn, twice leaves; Ctrl-D leaves",
)


def _help(conversation: Conversation, rest: str) -> None:
    screen = conversation.screen
    width = max(len(f"/{one.name} {one.arguments}") for one in SLASHES)
    screen.text("\n".join(f"  {f'/{one.name} {one.arguments}':<{width}}  {one.help}" for one in SLASHES))
    for line in _KEYS:
        screen.dim(f"  {line}")


def _tier(conversation: Conversation, rest: str) -> None:
    if rest and rest not in TIERS:
        raise InputError(f"there is no tier {rest!r}: {', '.join(TIERS)}", "/tier")
    configured = conversation.settings.models.tiers()
    if rest and rest not in ("auto", Tier.SOLVER) and Tier(rest) not in configured:
        raise InputError(f"no model is configured for the {rest} tier; set OPSWRIGHT_MODEL_{rest.upper()}", "/tier")
    conversation.tier = rest or conversation.tier
    tiers = ", ".join(configured)
    models = f"models: {tiers}" if tiers else "no model is configured: the solver tier works alone"
    conversation.screen.text(f"tier: {conversation.tier} ({models})")


def _cost(conversation: Conversation, rest: str) -> None:
    screen, session, spent = conversation.screen, conversation.session(), conversation.ledger.spent
    for turn in session.turns[-SHOWN:]:
        screen.dim(f"turn {turn.number}: {cost_of(turn.usage, [turn.tier] if turn.tier else [])}")
    screen.text(f"session: {cost_of(spent, []).removeprefix('cost: ')}")
    screen.text(_limits(conversation.options.budget, spent))


def _limits(budget: Budget, spent: Usage) -> str:
    limits = [
        f"${budget.usd:g}" if budget.usd is not None else "",
        f"{budget.tokens:,} tokens" if budget.tokens is not None else "",
        f"{budget.seconds:g} s of work" if budget.seconds is not None else "",
        f"{budget.trials} trials ({spent.trials} made)" if budget.trials is not None else "",
    ]
    return f"limits of the session: {', '.join(one for one in limits if one) or 'none'}"


def _memory(conversation: Conversation, rest: str) -> None:
    from opswright.knowledge.reflections import Reflections

    lessons = [one for one in Reflections(conversation.journal).all() if one.status in ("candidate", "active")]
    for one in lessons[-SHOWN:]:
        conversation.screen.text(f"{one.id[:8]}  {one.specialist:<8}  {one.status:<9}  {inline(one.text)}")
    conversation.screen.dim(f"{len(lessons)} lessons in use; `opswright memory` shows, explains and retires them")


def _sessions(conversation: Conversation, rest: str) -> None:
    from opswright.cli.sessions.command import line_of

    found = conversation.sessions.summaries(SHOWN)
    for one in found:
        conversation.screen.text(f"{line_of(one)}{' (this one)' if one.id == conversation.id else ''}")
    conversation.screen.dim("opswright --resume ID opens one; opswright sessions show|export|delete ID")


def _resume(conversation: Conversation, rest: str) -> None:
    stopped = [turn for turn in conversation.session().turns if turn.status in _MENDABLE]
    turns = [turn for turn in stopped if conversation.journal.find(f"{turn.run}/run") is not None]  # talk is no run
    run = rest or (turns[-1].run if turns else "")
    if not run:
        raise InputError("no turn of this session was stopped or is waiting", "/resume")
    conversation.resume(run)


_MENDABLE = ("running", "interrupted", "approval", "budget", "error")


def _approve(conversation: Conversation, rest: str) -> None:
    from opswright.agents import approvals

    journal, screen = conversation.journal, conversation.screen
    if not rest:
        waiting = approvals.waiting(journal)
        for one in waiting[-SHOWN:]:
            screen.text(f"{one.action.hash[:12]}  {one.action.effect}  {inline(one.reason)}")
        screen.dim("/approve HASH shows one and asks" if waiting else "nothing waits for approval")
        return
    question = approvals.asked(journal, rest)
    screen.text("\n".join(question_lines(question.action, question.reason)))
    if not screen.confirmed("Approve it?"):
        approvals.refuse(journal, rest)
        screen.text(bad("refused"))
        return
    approvals.grant(journal, rest)
    mine = conversation.sessions.of_run(question.run) == conversation.id if question.run else False
    go_on = f"/resume {question.run}" if mine else f"opswright --resume {question.run}" if question.run else ""
    screen.text(good("approved") + (f"; go on with: {go_on}" if go_on else ""))


def _apply(conversation: Conversation, rest: str) -> None:
    from opswright.cli.chat.adopting import adopt

    adopt(conversation, rest)


def _undo(conversation: Conversation, rest: str) -> None:
    from opswright.agents.effects import Effects
    from opswright.agents.undo import Undoer

    screen, journal = conversation.screen, conversation.journal
    if not rest:
        standing = [one for one in Attempts(journal).standing() if one.undo is not None]
        for one in standing[-SHOWN:]:
            screen.text(f"{one.seq:>6}  {'adopted' if one.kept else 'open   '}  {inline(_subject(one))}")
        screen.dim("/undo ID takes one back" if standing else "nothing to undo")
        return
    if not rest.isdecimal():
        raise InputError("give the number of a change; /undo lists them", "/undo")
    attempt = Attempts(journal).get(int(rest))
    if attempt is None:
        raise InputError(f"there is no change {rest}; /undo lists them", "/undo")
    if attempt.how_undone is None and attempt.undo is not None:
        screen.head(f"this change would be taken back ({attempt.action.effect}):")
        screen.text(paint_diffs(attempt.action.preview.rstrip("\n")))
        if not screen.confirmed("Take it back?"):
            screen.text("it stays")
            return
    undone = Undoer(journal, conversation.settings.leases_dir, Effects(conversation.effects)).undo(int(rest))
    screen.text(good(f"{undone.id}: {undone.message}"))


def _subject(attempt: Attempt) -> str:
    return f"{attempt.action.effect}  {attempt.action.arguments.get('path', '')}"


def _file(conversation: Conversation, rest: str) -> None:
    names = _paths(rest)
    if names:
        conversation.attach([*conversation.attached, *names])
    conversation.screen.attached(conversation.attached)


def _files(conversation: Conversation, rest: str) -> None:
    if rest not in ("", "clear"):
        raise InputError("/files lists what is attached, /files clear detaches it, /file PATH attaches more", "/files")
    if rest == "clear":
        conversation.attach([])
    conversation.screen.attached(conversation.attached)


def _paths(rest: str) -> list[str]:
    try:
        return [str(Path(word.removeprefix("@")).expanduser()) for word in shlex.split(rest)]
    except ValueError as error:
        raise InputError(f"the quotes do not close ({error})", "/file") from error


def _last(conversation: Conversation, rest: str) -> None:
    turns = conversation.session().turns
    if not turns:
        raise InputError("nothing was asked yet", "/last")
    conversation.screen.text(heading(f"> {turns[-1].request}"))
    conversation.screen.answer(turns[-1].answer or f"({turns[-1].status})")
    conversation.screen.dim(f"run {turns[-1].run}")


def _clear(conversation: Conversation, rest: str) -> None:
    from rich.console import Console

    Console().clear()


def _exit(conversation: Conversation, rest: str) -> None:
    raise Leave


SLASHES = (
    Slash("help", "", "this list", _help),
    Slash("file", "PATH ...", "attach files; they stay attached", _file),
    Slash("files", "[clear]", "what is attached; detach it", _files),
    Slash("tier", "[TIER]", f"who may propose: {', '.join(TIERS)}", _tier),
    Slash("cost", "", "what was spent, and the limits", _cost),
    Slash("apply", "[RECEIPT]", "adopt the last result, after showing what changes", _apply),
    Slash("undo", "[ID]", "what stands; take a change back", _undo),
    Slash("approve", "[HASH]", "what waits for approval; answer it", _approve),
    Slash("resume", "[RUN]", "go on with a turn that was stopped or could not end", _resume),
    Slash("last", "", "the last answer once more", _last),
    Slash("memory", "", "the lessons that were learned", _memory),
    Slash("sessions", "", "earlier sessions", _sessions),
    Slash("clear", "", "clear the screen", _clear),
    Slash("exit", "", "leave; -c continues the session", _exit),
)
