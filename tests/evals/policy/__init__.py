"""Tests of the policy suite."""
