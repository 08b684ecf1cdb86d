"""The same cases and scores as inspect-ai has them, run by it and exported to it."""
