"""Tests of the model gateway and what belongs to it."""
