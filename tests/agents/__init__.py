"""Tests: Who decides."""
