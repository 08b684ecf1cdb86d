"""Conversations in which a model uses tools."""
