"""Where a process can be made to die: it kills itself (-9) at the point that the environment names."""

import os
import signal

VARIABLE = "OPSWRIGHT_TEST_KILL"


def point(name: str) -> None:
    """Dies here when this is the point."""
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
