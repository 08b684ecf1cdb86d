"""Suites outside the program, as a person would add them."""
