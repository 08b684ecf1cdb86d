"""One request in words through the supervisor, and going on with a run that was stopped."""

from collections.abc import Sequence
from pathlib import Path

from opswright.console import Options, Reply
from opswright.errors import InputError


def start_request(request: str, files: Sequence[Path], options: Options) -> Reply:
    """Runs a request. Raises InputError when it is empty."""
    from opswright.agents.replies import choices_of, doors_of, reply_of
    from opswright.agents.runs import start

    if not request.strip():
        raise InputError("the request is empty; say what is wanted", "-p")
    return reply_of(start(request, options.settings, choices_of(options), doors_of(options), files))


def resume_run(run: str, options: Options) -> Reply:
    """Goes on with a run by its id."""
    from opswright.agents.replies import choices_of, doors_of, reply_of
    from opswright.agents.runs import resume

    return reply_of(resume(run, options.settings, choices_of(options), doors_of(options)))
