"""Where it runs: sandboxes with limits for each call, and the environments that tools act on, live or recorded."""
