"""How does a person talk to it: the chat at a terminal."""
