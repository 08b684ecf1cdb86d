"""What an SQLite error means to whoever runs the program, and what to do about it."""


def advice(message: str, store: str, timeout_s: float) -> str:
    """One line for SQLite's own message. `store`: what the file is, such as `journal`."""
    if "locked" in message:
        return f"the {store} file is locked by another process for more than {timeout_s:g} s; try again when it is free"
    if "full" in message or "disk I/O" in message:
        return f"no room for the {store} file ({message}); free some disk space and try again"
    if "readonly" in message or "unable to open" in message:
        return f"the {store} file cannot be written ({message}); make it and its folder writable"
    if "not a database" in message or "malformed" in message:
        return f"the {store} file is damaged or not a {store} file ({message}); move it away and try again"
    return f"the {store} file failed ({message})"
