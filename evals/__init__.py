"""How do we know: cases as data, scorers, runner, reports."""
