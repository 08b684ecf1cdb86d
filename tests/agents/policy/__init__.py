"""Tests of the policy specialist."""
