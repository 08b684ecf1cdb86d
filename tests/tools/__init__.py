"""Tests of what can be done."""
