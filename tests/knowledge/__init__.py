"""Tests: What is remembered."""
