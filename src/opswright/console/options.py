"""The options every command takes, and what a command is handed for them."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from opswright.console.output import Progress
from opswright.console.reply import Format
from opswright.nouns import Budget

if TYPE_CHECKING:
    from opswright.settings import Settings

FORMAT_KEY = "opswright.format"
COMMAND_KEY = "opswright.command"
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Options:
    """What the shared options and the settings say, for one command."""

    settings: "Settings"
    format: Format
    tier: str  # auto | solver | low | mid | high
    budget: Budget
    receipt: Path | None
    yes: bool
    dry_run: bool
    progress: Progress


_NAMES = ("output_format", "json", "tier", "max_usd", "max_tokens", "max_seconds", "receipt", "yes", "dry_run")


def common_options(function: Command) -> Command:
    """Adds the shared options; the command is called with one `options: Options` in their place.

    Options given before the sub-command count as well. The settings are read here, once, with the flags on top.
    """

    @functools.wraps(function)
    def command(*args: Any, **values: Any) -> Any:
        context = click.get_current_context()
        for name in _NAMES:
            values.pop(name, None)
        return function(*args, options=read_options(context), **values)

    return add_common_options(command)  # type: ignore[return-value]


def add_common_options(function: Command) -> Command:
    """Only declares the shared options; the command calls `read_options` itself."""
    for add in reversed(_decorators()):
        function = add(function)
    return function


def _decorators() -> list[Callable[[Any], Any]]:
    positive = click.FloatRange(min=0)
    return [
        click.option(
            "--output-format", type=click.Choice([f.value for f in Format]), help="How to print. [default: text]"
        ),
        click.option("--json", "json", is_flag=True, help="Short for --output-format json."),
        click.option(
            "--tier",
            type=click.Choice(["auto", "solver", "low", "mid", "high"]),
            help="Who may propose: the solver, or a model tier. [default: auto]",
        ),
        click.option("--max-usd", type=positive, metavar="USD", help="Hard limit on money."),
        click.option("--max-tokens", type=click.IntRange(min=0), metavar="N", help="Hard limit on tokens."),
        click.option("--max-seconds", type=positive, metavar="S", help="Hard limit on time."),
        click.option("--receipt", type=click.Path(path_type=Path), metavar="FILE", help="Write the receipt here."),
        click.option("--yes", is_flag=True, help="Approve reversible actions (no others)."),
        click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing."),
    ]


def _flags(context: click.Context) -> dict[str, Any]:
    """Shared options given on the command line, the innermost command's last."""
    found: dict[str, Any] = {}
    chain: list[click.Context] = []
    step: click.Context | None = context
    while step is not None:
        chain.insert(0, step)
        step = step.parent
    for step in chain:
        for name in _NAMES:
            if step.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                if name in ("json", "output_format"):  # the nearer one decides, whichever of the two it is
                    found.pop("json", None)
                found[name] = step.params[name]
    return found


def command_name(context: click.Context) -> str:
    """The command without the program's name, such as `policy diff`."""
    return context.command_path.partition(" ")[2]


def requested(context: click.Context) -> Format:
    """The format that the flags of a running command ask for."""
    flags = _flags(context)
    return Format.JSON if flags.get("json") else Format(flags.get("output_format", Format.TEXT))


def read_options(context: click.Context) -> Options:
    """The options of a running command: settings files, environment and flags together.

    Raises ConfigError when the settings do not fit together.
    """
    from opswright.settings import load_settings

    context.meta.setdefault(COMMAND_KEY, command_name(context))
    flags = _flags(context)
    format = context.meta[FORMAT_KEY] = requested(context)
    settings = load_settings(flags)
    return Options(
        settings=settings,
        format=format,
        tier=settings.tier,
        budget=settings.budget.session(),
        receipt=flags.get("receipt"),
        yes=bool(flags.get("yes")),
        dry_run=bool(flags.get("dry_run")),
        progress=Progress(format, context.meta[COMMAND_KEY]),
    )
