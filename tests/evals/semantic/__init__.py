"""Tests of the suite about similar questions."""
