"""What holds for every test."""

import signal


def pytest_configure() -> None:
    """A shell that starts us in the background has us ignore interrupts, and what we start would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
