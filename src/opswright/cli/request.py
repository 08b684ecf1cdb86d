"""One request in words through the supervisor, and going on with a run or a session that was stopped."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from opswright.console import Options, Reply, Status
from opswright.errors import InputError

if TYPE_CHECKING:
    from opswright.agents.files import File

STDIN = Path("-")


def start_request(request: str, files: Sequence[Path], options: Options) -> Reply:
    """Runs a request with its files and what is piped in, or plans it on a dry run. Raises InputError when empty."""
    from opswright.agents.files import File
    from opswright.agents.replies import choices_of, doors_of, reply_of
    from opswright.agents.runs import start

    if not request.strip():
        raise InputError("the request is empty; say what is wanted", "-p")
    every: list[Path | File] = [*(file for file in files if file != STDIN), *_piped(STDIN in files, options)]
    if options.dry_run:
        return _planned(request, every, options)
    return reply_of(start(request, options.settings, choices_of(options), doors_of(options), every))


def _planned(request: str, files: "Sequence[Path | File]", options: Options) -> Reply:
    """What it would be done as; nothing is run."""
    from opswright.agents.previewing import preview
    from opswright.agents.replies import choices_of, doors_of

    found = preview(request, options.settings, choices_of(options), doors_of(options), files)
    return Reply(Status.DONE, found.as_json(), found.as_text(), found.usage)


def _piped(waits: bool, options: Options) -> "list[File]":
    from opswright.cli.piped import piped_file, read_piped

    found = read_piped() if waits else piped_file(options.progress)
    return [] if found is None else [found]


def resume(id: str, options: Options) -> Reply:
    """Opens a session at the terminal, or goes on with a run; a session's run counts for the session's budget."""
    from opswright.agents.replies import choices_of, doors_of, reply_of
    from opswright.agents.runs import resume as resume_run
    from opswright.agents.sessions import Sessions, hold
    from opswright.knowledge.journal import Journal
    from opswright.nouns import Budget

    sessions = Sessions(Journal(options.settings.journal_path))
    if sessions.exists(id):
        from opswright.cli.chat.start import chat

        sessions.get(id)  # says so where it was deleted
        return chat(options, session=id)
    session = sessions.of_run(id)
    if session is None:
        return reply_of(resume_run(id, options.settings, choices_of(options), doors_of(options)))
    choices = replace(choices_of(options), budget=Budget())  # the session's ledger holds the limits
    with hold(options.settings, session):
        found = sessions.get(session)
        doors = replace(doors_of(options), ledger=sessions.ledger(found, options.budget))
        run = resume_run(id, options.settings, choices, doors)
        turn = next(one for one in found.turns if one.run == id)
        ended = replace(turn, status=run.status, answer=run.answer, tier=run.tier, receipts=run.receipts)
        sessions.end_turn(session, replace(ended, usage=run.usage))
    return reply_of(run)
