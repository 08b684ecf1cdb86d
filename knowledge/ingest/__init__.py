"""What does a manual say: one reader a format, and the chunks that it is cut into."""
