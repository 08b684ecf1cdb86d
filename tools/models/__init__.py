"""Language models: the one gateway, and what belongs to it."""
