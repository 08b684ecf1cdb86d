"""The root command: what there is, and one request through the supervisor."""

from pathlib import Path

import click

from opswright import __version__
from opswright.agents.loading import load
from opswright.agents.manifests import CommandEntry, Manifest, read_manifests
from opswright.cli.lazy import Entry, LazyGroup, from_module
from opswright.console.options import COMMAND_KEY, add_common_options, read_options, requested
from opswright.console.reply import Format, Reply, Status
from opswright.errors import InputError

USAGE = """\
opswright acts only on what it has checked.

  opswright                       at a terminal: a chat; -c continues the last one
  opswright -p "Why can nobody read the bucket?" --file policy.json --file requests.yaml
  opswright policy repair policy.json --spec requests.yaml
  opswright policy diff old.json new.json
  opswright doctor

`opswright --help` lists every command, `opswright COMMAND --help` explains one."""

_OWN = [
    ("eval", "opswright.evals.commands:eval_group", "Run the evaluations and compare their reports."),
    ("memory", "opswright.cli.memory:memory", "Take manuals in, search them, and look at what was learned."),
    ("verify", "opswright.cli.receipts:verify", "Check a receipt: its integrity, and its proofs once more."),
    ("apply", "opswright.cli.receipts:apply", "Adopt the result of a receipt."),
    ("approve", "opswright.cli.approvals:approve", "Approve one action by its hash."),
    ("undo", "opswright.cli.undoing:undo", "Undo what an action changed."),
    ("doctor", "opswright.cli.doctor:doctor", "Say what this machine offers and what is missing."),
    ("config", "opswright.cli.config:config", "Show every setting and where it comes from."),
    ("sessions", "opswright.cli.sessions:sessions", "List, show, export and delete earlier sessions."),
]


def _entries() -> list[Entry]:
    specialists = [
        _specialist(manifest, entry) for manifest in read_manifests().values() for entry in manifest.commands
    ]
    return [*specialists, *(from_module(*own) for own in _OWN)]


def _specialist(manifest: Manifest, entry: CommandEntry) -> Entry:
    return Entry(entry.name, entry.help, lambda: load(manifest, entry.target))


@click.group(
    cls=LazyGroup,
    entries=_entries,
    invoke_without_command=True,
    subcommand_metavar="[COMMAND] ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("-p", "--prompt", metavar="REQUEST", help="One request, in words; the supervisor finds who does it.")
@click.option("--file", "files", multiple=True, type=Path, metavar="F", help="A file of the request; repeatable.")
@click.option("-c", "--continue", "last", is_flag=True, help="Continue the last session, at a terminal.")
@click.option("--resume", metavar="ID", help="Open a session again, or go on with a run that was stopped or waits.")
@click.option("--version", is_flag=True, help="Print the version.")
@add_common_options
@click.pass_context
def root(
    context: click.Context,
    /,
    prompt: str | None,
    files: tuple[Path, ...],
    last: bool,
    resume: str | None,
    version: bool,
    **_: object,
) -> Reply | None:
    """An operations assistant that acts only on what it has checked.

    At a terminal and without arguments it is a chat. A single request in words goes through the supervisor:
    opswright -p "REQUEST" --file FILE, and what is piped in is one more file. The commands below do one thing each.
    """
    asked = prompt is not None or resume is not None or last
    if context.invoked_subcommand is not None:
        if asked or files:
            raise click.UsageError("-p, --file, -c and --resume are for a request, not for a command", context)
        return None
    if version:  # before the settings are read: it is asked when something is wrong, too
        return Reply(Status.DONE, {"version": __version__}, f"opswright {__version__}")
    if not asked:
        if files:
            raise click.UsageError("--file needs a request: -p REQUEST", context)
        return _without_a_request(context)
    if (prompt is not None) + (resume is not None) + last > 1:
        raise click.UsageError("give one of -p, -c and --resume", context)
    context.meta[COMMAND_KEY] = "request" if prompt is not None else "resume" if resume is not None else "chat"
    options = read_options(context)
    if last:
        from opswright.cli.chat.start import chat

        return chat(options, last=True)
    from opswright.cli import request

    return request.start_request(prompt, files, options) if prompt is not None else request.resume(str(resume), options)


def _without_a_request(context: click.Context) -> Reply:
    """A chat at a terminal, else how to begin."""
    from opswright.cli.chat.terminal import is_terminal
    from opswright.cli.piped import is_piped

    wanted = requested(context)
    if wanted is Format.TEXT and is_terminal():
        from opswright.cli.chat.start import chat

        context.meta[COMMAND_KEY] = "chat"
        return chat(read_options(context))
    if is_piped():
        raise InputError('piped input needs a request: opswright -p "REQUEST" reads it as a file', "standard input")
    return Reply(Status.DONE, {"usage": USAGE}, USAGE)
