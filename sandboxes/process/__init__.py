"""A command in namespaces of its own, by bubblewrap: the sandbox for machines without a container engine."""
