"""How inspect-ai runs and shows the same cases. The modules here load it; nothing else does."""
