"""Readers of manuals, and what is kept of them."""
