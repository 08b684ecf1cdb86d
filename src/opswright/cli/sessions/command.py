"""`opswright sessions list|show|export|delete`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opswright.console import Options, Reply, Status, common_options, heading, hint, inline
from opswright.errors import InputError
from opswright.nouns import Json

if TYPE_CHECKING:
    from opswright.agents.sessions import Sessions, Summary

ID = click.argument("id", metavar="ID")


@click.group()
def sessions() -> None:
    """List earlier sessions and single requests; show, export or delete one."""


@sessions.command("list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="The newest so many.")
@common_options
def list_sessions(options: Options, limit: int) -> Reply:
    """List sessions and single runs, used last first.

    `opswright -c` goes on with the last session, `opswright --resume ID` with another, or with a run.
    """
    found = open_sessions(options).summaries(limit)
    rows = [row_of(one) for one in found]
    if not rows:
        return Reply(Status.DONE, {"sessions": []}, "no run yet")
    title = heading(f"{'id':<12}  {'last used':<16}  {'turns':>5}  {'cost':>9}  {'status':<11}  title")
    return Reply(Status.DONE, {"sessions": rows}, "\n".join([title, *(line_of(one) for one in found)]))


@sessions.command("show")
@ID
@common_options
def show_session(options: Options, id: str) -> Reply:
    """Show a session's conversation, or one run with its steps."""
    from opswright.cli.sessions.showing import show_run, show_turns

    found = open_sessions(options)
    return show_turns(found.get(id)) if found.exists(id) else show_run(found.journal, id)


@sessions.command("export")
@ID
@click.option("-o", "--out", metavar="FILE", type=click.Path(path_type=Path), help="Write it here; else it is printed.")
@click.option(
    "--as", "form", type=click.Choice(["jsonl", "markdown"]), help="The form. [default: by FILE's name, else jsonl]"
)
@click.option("--with-files", is_flag=True, help="Also the texts of the attached files.")
@common_options
def export_session(options: Options, id: str, out: Path | None, form: str | None, with_files: bool) -> Reply:
    """Export a session as JSON Lines or Markdown: a line or a section for each turn."""
    from opswright.cli.sessions.exporting import exported, write_new

    chosen = form or ("markdown" if out is not None and out.suffix.lower() in (".md", ".markdown") else "jsonl")
    text, turns = exported(open_sessions(options), id, chosen, with_files)
    result: Json = {"id": id, "form": chosen, "turns": turns, "file": None if out is None else str(out)}
    if out is None:
        return Reply(Status.DONE, {**result, "text": text}, text)
    if not options.dry_run:
        write_new(out, text)
    return Reply(Status.DONE, result, f"{'would write' if options.dry_run else 'written to'} {inline(str(out))}")


@sessions.command("delete")
@ID
@click.option(
    "--standing",
    type=click.Choice(["refuse", "keep", "forget"]),
    default="refuse",
    show_default=True,
    help="Changes of it that stand: refuse to delete, keep what undoing them needs, or forget that too.",
)
@common_options
def delete_session(options: Options, id: str, standing: str) -> Reply:
    """Delete a session or a single run for good: what was asked, answered and attached leaves the disk.

    What stays is that something was done, when, by whom and under which hash, and what it cost. Lessons that it taught
    go too. A deletion that was cut off goes on when it is asked for again.
    """
    from opswright.cli.sessions.deleting import delete

    return delete(options, id, standing)


def open_sessions(options: Options) -> "Sessions":
    """The sessions of the state folder."""
    from opswright.agents.sessions import Sessions
    from opswright.knowledge.journal import Journal

    return Sessions(Journal(options.settings.journal_path))


def row_of(one: "Summary") -> dict[str, Json]:
    """A session for a program; `run` is the last turn's."""
    return {
        "id": one.id,
        "kind": one.kind,
        "title": one.title,
        "turns": one.turns,
        "started": moment(one.started),
        "last": moment(one.last),
        "run": one.run,
        "status": one.status,
        "tokens": one.usage.tokens,
        "cost_usd": one.usage.cost_usd,
        "tasks": list(one.tasks),
    }


def line_of(one: "Summary") -> str:
    """A session on a line."""
    turns = str(one.turns) if one.kind == "chat" else hint("run").rjust(14)
    when, cost = moment(one.last)[:16], f"${one.usage.cost_usd:.4f}"
    return f"{one.id:<12}  {when}  {turns:>5}  {cost:>9}  {inline(one.status):<11}  {inline(one.title)}"


def moment(at: float) -> str:
    """A time as people write it, in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def no_such(id: str) -> InputError:
    """Neither a session's nor a run's id."""
    return InputError("there is no such session or run; `opswright sessions list` shows what there is", id)
