"""One call of the process sandbox from its gate to its end: what is held of it, and how all of it is ended."""

import contextlib
import os
import signal
from collections.abc import Mapping

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.cgroups.groups import CallGroup
from opswright.sandboxes.process import layout
from opswright.sandboxes.process.folder import WorkingFolder
from opswright.sandboxes.process.spawning import readable

END_S = 10.0


class Running:
    """A call that waits at its gate, then runs. Descriptors `stdin`, `stdout`, `stderr` are the caller's to close."""

    def __init__(self, monitor: int, pipes: Mapping[int, int]) -> None:
        self.stdin, self.stdout, self.stderr = pipes[0], pipes[1], pipes[2]
        self.monitor = os.pidfd_open(monitor)
        self.first_pid = 0
        self.first = -1  # the first process of the namespace, once it is known
        self.folder: WorkingFolder | None = None
        self.group: CallGroup | None = None
        self._gate = pipes[layout.GATE]
        self._exit_code: int | None = None

    def gate(self) -> int:
        """The descriptor that the line to run goes into: the caller's from now on."""
        gate, self._gate = self._gate, -1
        return gate

    def exit_code(self) -> int | None:
        """Of the command, as a shell gives it; None while it runs."""
        if self._exit_code is None:
            ended = os.waitid(os.P_PIDFD, self.monitor, os.WEXITED | os.WNOHANG)
            if ended is not None:
                self._exit_code = ended.si_status + (0 if ended.si_code == os.CLD_EXITED else 128)
        return self._exit_code

    def end(self) -> None:
        """Kills whatever runs and returns when all of it is gone. Raises SandboxUnavailable when it does not go."""
        if self.group is not None:
            self.group.kill()
        for process in (self.first, self.monitor):
            if process >= 0:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                if not readable(process, END_S):
                    raise SandboxUnavailable("a command in the sandbox was killed and does not end")
        self.exit_code()  # buries the monitor

    def close(self) -> None:
        """Ends it and lets go of everything but the three pipes; idempotent."""
        if self.monitor < 0:
            return
        try:
            self.end()
        finally:
            if self.folder is not None:
                self.folder.close()
            for descriptor in (self._gate, self.first, self.monitor):
                if descriptor >= 0:
                    os.close(descriptor)
            self.folder, self._gate, self.first, self.monitor = None, -1, -1, -1
            if self.group is not None:
                self.group.close()
