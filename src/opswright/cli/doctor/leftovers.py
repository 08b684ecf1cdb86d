"""Probe of what dead runs left behind: changes that are neither undone nor adopted."""

from opswright.cli.doctor.finding import Finding, broken, ok
from opswright.errors import OpswrightError
from opswright.settings import Settings


def leftovers(settings: Settings) -> Finding:
    """Reads the journal's undo records; a journal that cannot be read is named too."""
    from opswright.agents.undo import Undoer
    from opswright.knowledge.journal import Journal

    name = "Left-over changes"
    undoer = Undoer(Journal(settings.journal_path, timeout_s=3.0), settings.leases_dir)
    try:
        running = len(list(undoer.open()))
        left = list(undoer.left_over())
    except OpswrightError as error:
        return broken(name, str(error), "stop what holds the journal, or move a damaged one away")
    if left:
        first = ", ".join(f"{one.seq} ({one.action.effect})" for one in left[:3])
        advice = "opswright undo lists them, opswright undo --all takes them back"
        return broken(name, f"{len(left)} of runs that died: {first}", advice)
    return ok(name, f"none; {running} in progress" if running else "none")
