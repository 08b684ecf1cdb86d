"""The sandboxes suite: what starting a call costs in each backing, beside doing without one."""
