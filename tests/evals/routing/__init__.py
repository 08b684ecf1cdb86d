"""Tests of the routing suite and of how its weights are fitted."""
