"""Tests of the policy reader, evaluator, specification, rewriting and explanation."""
