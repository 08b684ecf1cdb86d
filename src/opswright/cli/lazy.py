"""A click group whose commands are known by name and help line, and loaded when they are invoked."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Entry:
    """One command: its line in `--help`, and how to load it."""

    name: str
    help: str
    load: Callable[[], click.Command]


def from_module(name: str, target: str, help: str) -> Entry:
    """The entry of a command that is `module:attribute`."""

    def load() -> click.Command:
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    return Entry(name, help, load)


class LazyGroup(click.Group):
    """Lists its entries without loading any of them."""

    def __init__(self, *args: object, entries: Callable[[], list[Entry]], **values: object) -> None:
        super().__init__(*args, **values)  # type: ignore[arg-type]
        self._read_entries = entries
        self._entries: dict[str, Entry] | None = None

    def entries(self) -> dict[str, Entry]:
        """The entries by name, read on first use."""
        if self._entries is None:
            self._entries = {entry.name: entry for entry in self._read_entries()}
        return self._entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, in the entries' order."""
        return list(self.entries())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Loads one."""
        entry = self.entries().get(cmd_name)
        return None if entry is None else entry.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table in `--help`, from the entries alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in self.entries().values()])
