"""Does it hold: mirrors the folders above."""
