"""Tests of the chat, at a pseudo-terminal with the real program."""
