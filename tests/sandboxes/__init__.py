"""Sandboxes: one contract for all, the control groups, and what is particular to each backing."""
