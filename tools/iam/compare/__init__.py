"""Decides exactly whether one policy allows anything that others do not, with a concrete request as the witness."""

from opswright.tools.iam.compare.engine import Comparison, Limits, beyond, covers, new_access, reaches

__all__ = ["Comparison", "Limits", "beyond", "covers", "new_access", "reaches"]
