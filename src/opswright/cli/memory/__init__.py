"""`opswright memory`: what the program remembers, from the command line."""

from opswright.cli.memory.command import memory

__all__ = ["memory"]
