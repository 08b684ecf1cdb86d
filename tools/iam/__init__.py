"""What does an AWS policy document mean: parse, evaluate, compare."""
