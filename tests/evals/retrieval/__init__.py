"""Tests of the retrieval suite."""
