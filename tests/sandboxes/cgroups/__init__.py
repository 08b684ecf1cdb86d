"""Control groups: version 1 live, version 2 against a tree that behaves as the kernel does."""
