"""Tests of what a turn of a session is about."""
