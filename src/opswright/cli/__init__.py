"""The command line: one entry point, commands loaded when they are used."""

from opswright.cli.entry import main

__all__ = ["main"]
