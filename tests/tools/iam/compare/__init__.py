"""Tests of the comparison engine."""
