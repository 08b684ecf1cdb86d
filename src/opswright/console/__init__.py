"""What a command prints: shared options, the JSON envelope, progress and cost on stderr."""
