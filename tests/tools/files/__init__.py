"""Tests: What can be done to files."""
