"""What is said to a model: one file a prompt."""
