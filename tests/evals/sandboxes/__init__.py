"""The sandboxes suite: what starting a call costs."""
