"""The group `memory` and its commands; each file beside this one does one of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from opswright.console import Options, Reply, common_options

if TYPE_CHECKING:
    from opswright.knowledge.journal import Journal
    from opswright.knowledge.retrieval import Library

ID = click.argument("id", metavar="ID")


@click.group()
def memory() -> None:
    """Take manuals in, search them, and look at what was learned.

    Manuals and lessons are kept in the journal; the index for searching is made from it and can be made again.
    """


@memory.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--domain", metavar="D", default="general", show_default=True, help="The collection: storage, sql, ...")
@common_options
def ingest(options: Options, paths: tuple[Path, ...], domain: str) -> Reply:
    """Take manuals in: Markdown, HTML, man pages, PDF, plain text, the XML of `gluster volume set help-xml`.

    A folder is taken in with all below it. A file that is there already adds nothing; one that changed takes the place
    of its older version.
    """
    from opswright.cli.memory.taking import take_in

    return take_in(options, paths, domain)


@memory.command()
@click.argument("query", metavar="QUERY")
@click.option("--domain", metavar="D", default="", help="Search one collection only.")
@click.option("--limit", default=5, show_default=True, type=click.IntRange(1, 100), help="The best so many.")
@common_options
def search(options: Options, query: str, domain: str, limit: int) -> Reply:
    """Search the manuals, by words and by meaning."""
    from opswright.cli.memory.taking import find

    return find(options, query, domain, limit)


@memory.command("list")
@click.option("--domain", metavar="D", default="", help="Manuals of one collection, lessons of one specialist.")
@click.option("--all", "every", is_flag=True, help="Also what was superseded or retired.")
@common_options
def list_memory(options: Options, domain: str, every: bool) -> Reply:
    """List manuals and lessons."""
    from opswright.cli.memory.showing import listed

    return listed(options, domain, every)


@memory.command()
@ID
@common_options
def show(options: Options, id: str) -> Reply:
    """Show a manual, a passage of one, or a lesson."""
    from opswright.cli.memory.showing import shown

    return shown(options, id)


@memory.command()
@click.argument("id", metavar="RUN|ID")
@common_options
def why(options: Options, id: str) -> Reply:
    """Say which lessons a run was given and what each rests on, or what one lesson or passage rests on."""
    from opswright.cli.memory.reasons import reasons

    return reasons(options, id)


@memory.command()
@ID
@click.option("--why", "why", metavar="TEXT", default="a person said so", help="What is kept as the reason.")
@common_options
def retire(options: Options, id: str, why: str) -> Reply:
    """Take a manual, a passage or a lesson out of use. It is marked, never deleted."""
    from opswright.cli.memory.leaving import retired

    return retired(options, id, why)


@memory.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@common_options
def export(options: Options, file: Path) -> Reply:
    """Write everything in memory into FILE, as JSON Lines."""
    from opswright.cli.memory.leaving import exported

    return exported(options, file)


@memory.command()
@common_options
def rebuild(options: Options) -> Reply:
    """Make the index again from the journal: after a change of the embedder, or when it is damaged."""
    from opswright.cli.memory.taking import made_again

    return made_again(options)


def open_journal(options: Options) -> "Journal":
    """The journal of the settings."""
    from opswright.knowledge.journal import Journal

    return Journal(options.settings.journal_path)


def open_memory(options: Options) -> "Library":
    """The library of the settings. What an embedding endpoint costs is charged to the command's budget."""
    import os
    import time

    from opswright.agents.ledger import Ledger
    from opswright.agents.manuals import open_embedder
    from opswright.knowledge.retrieval import open_library
    from opswright.redaction import Redactor
    from opswright.tools.models.groups import key_values

    settings = options.settings
    embedder = open_embedder(settings, Ledger(options.budget, time.monotonic, name="session"))
    redactor = Redactor(key_values(settings.models, os.environ))
    return open_library(
        settings.memory, settings.index_dir, open_journal(options), embedder, options.progress, redactor
    )
