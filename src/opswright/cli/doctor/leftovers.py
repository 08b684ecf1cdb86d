"""Probe of what dead runs left behind: changes that are neither undone nor adopted."""

from opswright.cli.doctor.finding import Finding, broken, ok
from opswright.errors import OpswrightError
from opswright.settings import Settings


def leftovers(settings: Settings) -> Finding:
    """Reads the undo records, those of live evaluations too; a journal that cannot be read is named."""
    from opswright.agents.undo import Undoer
    from opswright.evals.states import live_states
    from opswright.knowledge.journal import Journal

    name = "Left-over changes"
    undoers = {"": Undoer(Journal(settings.journal_path, timeout_s=3.0), settings.leases_dir)}
    undoers |= {f"{one.name}:": one.undoer() for one in live_states(settings.state_dir) if one.has_journal}
    try:
        running = sum(len(list(undoer.open())) for undoer in undoers.values())
        left = [(place, one) for place, undoer in undoers.items() for one in undoer.left_over()]
    except OpswrightError as error:
        return broken(name, str(error), "stop what holds the journal, or move a damaged one away")
    if left:
        first = ", ".join(f"{place}{one.seq} ({one.action.effect})" for place, one in left[:3])
        advice = "opswright undo lists them, opswright undo --all takes them back"
        return broken(name, f"{len(left)} of runs that died: {first}", advice)
    return ok(name, f"none; {running} in progress" if running else "none")
