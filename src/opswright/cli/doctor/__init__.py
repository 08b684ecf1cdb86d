"""`opswright doctor`: what this machine offers, and what to do where something is missing."""

from opswright.cli.doctor.command import doctor

__all__ = ["doctor"]
