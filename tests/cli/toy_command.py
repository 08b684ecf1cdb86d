"""The program with one command more, `toys FOLDER GOAL...`: a task for each goal, its first word the specialist."""

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import click

from opswright.cli import entry, root
from opswright.console import Options, Reply, common_options


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("goals", nargs=-1)
@common_options
def toys(options: Options, folder: Path, goals: tuple[str, ...]) -> Reply:
    """As a specialist's own command does it."""
    from opswright.agents.replies import choices_of, doors_of, reply_of
    from opswright.agents.runs import start
    from opswright.nouns import Task

    tasks = [
        Task(f"t{number}", goal.split()[0], goal, {"goal": goal, "files": []}) for number, goal in enumerate(goals, 1)
    ]
    doors = replace(doors_of(options), specialists=[folder])
    return reply_of(start(tasks, options.settings, choices_of(options), doors))


if __name__ == "__main__":
    module = ModuleType("opswright.cli.toys")
    module.toys = toys  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    root._OWN[:] = [("toys", "opswright.cli.toys:toys", "Plays.")]
    entry.main()
