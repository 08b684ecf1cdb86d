"""A command in a container of its own, by Docker's engine, with an image made of this machine's own programs."""
