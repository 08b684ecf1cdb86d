"""What is remembered: the append-only journal and the reflections over it."""
