"""`opswright sessions`: what was asked earlier, and what came of it."""

from opswright.cli.sessions.command import sessions

__all__ = ["sessions"]
