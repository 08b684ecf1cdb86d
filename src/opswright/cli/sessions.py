"""`opswright sessions`: earlier runs, from the journal."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from opswright.console import Options, Reply, Status, common_options, heading, inline
from opswright.errors import InputError
from opswright.nouns import Json

if TYPE_CHECKING:
    from opswright.knowledge.journal import Record


@click.group()
def sessions() -> None:
    """List earlier runs, and show one."""


@sessions.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="The newest so many.")
@common_options
def list_sessions(options: Options, limit: int) -> Reply:
    """List runs, the newest first."""
    from opswright.knowledge.journal import Journal

    runs = summaries(Journal(options.settings.journal_path).read())[:limit]
    lines = [
        inline(f"{run['run']:<28}  {run['started']}  {run['records']:>5}  {', '.join(run['tasks'])}") for run in runs
    ]
    title = heading(f"{'run':<28}  {'started':<19}  {'steps':>5}  tasks")
    return Reply(Status.DONE, {"sessions": runs}, "\n".join([title, *lines]) if runs else "no run yet")


@sessions.command("show")
@click.argument("run", metavar="RUN")
@common_options
def show_session(options: Options, run: str) -> Reply:
    """Show the steps of one run, in order."""
    from opswright.knowledge.journal import Journal

    records = list(Journal(options.settings.journal_path).read(run=run))
    if not records:
        raise InputError(f"there is no run {run}; `opswright sessions list` shows what there is", "RUN")
    steps = [{"seq": one.seq, "at": _time(one.at), "kind": one.kind, "task": one.task} for one in records]
    lines = [inline(f"{step['seq']:>6}  {step['at']}  {step['kind']:<20}  {step['task']}") for step in steps]
    return Reply(Status.DONE, {"run": run, "steps": steps}, "\n".join(lines))


def summaries(records: Iterable["Record"]) -> list[dict[str, Json]]:
    """One entry for each run, the newest first: when it started, its tasks, the number of its records."""
    runs: dict[str, dict[str, Json]] = {}
    for record in records:
        if not record.run:
            continue
        run = runs.setdefault(record.run, {"run": record.run, "started": _time(record.at), "records": 0, "tasks": []})
        run["records"] += 1
        if record.task and record.task not in run["tasks"]:
            run["tasks"].append(record.task)
    return list(reversed(runs.values()))


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
