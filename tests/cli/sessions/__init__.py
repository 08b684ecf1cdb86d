"""Tests of sessions: listed, shown, exported, deleted."""
