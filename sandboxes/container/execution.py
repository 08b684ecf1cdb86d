"""One process started in a running container through the engine, and its end."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.commands import NOBODY
from opswright.sandboxes.container.cell import Cell
from opswright.sandboxes.container.engine import address, asking
from opswright.sandboxes.container.streams import Streams

_LOOK_S = 0.005
_BESIDE_S = 0.02
_LOOK_STUCK_S = 0.1
_ENDS_S = 5.0  # the engine notices the end of a process well before


class Execution:
    """A shell that runs `script` as nobody; it is started here. `most`: bytes kept of each output; `to`: a file that
    stdout is kept in.
    """

    def __init__(self, cell: Cell, script: str, arguments: Sequence[str], most: int, to: int | None = None) -> None:
        self._cell = cell
        api = cell.api
        self._answer_s = float(api.timeout)
        with asking("starting a command"):
            created = api.exec_create(
                cell.id, ["/bin/sh", "-c", script, "sh", *arguments], stdin=True, user=f"{NOBODY}:{NOBODY}"
            )
            self._id = str(created["Id"])
            self.streams = Streams(api.exec_start(self._id, socket=True), most, to)

    def host_pid(self) -> int:
        """Its process as the engine's machine numbers it, once it runs."""
        give_up = time.monotonic() + self._answer_s
        while time.monotonic() < give_up:
            state = self._state()
            if pid := int(state.get("Pid") or 0):
                return pid
            if state.get("ExitCode") is not None:
                break
            time.sleep(_LOOK_S)
        raise SandboxUnavailable(f"the engine at {address()} does not start a command: {self.complaint()}")

    def until_started(self, stuck: Callable[[], bool]) -> bool:
        """Waits for its first byte; False when it ended without one, or is `stuck` before it."""
        heard, left = time.monotonic(), -1
        while not self.streams.outputs.started and not self.streams.ended and not stuck():
            self.streams.wait(_LOOK_STUCK_S)
            if self.streams.left != left:
                heard, left = time.monotonic(), self.streams.left
            elif time.monotonic() - heard > self._answer_s:
                raise SandboxUnavailable(f"the engine at {address()} does not start a command")
        return self.streams.outputs.started

    def until_end(self, beside: Streams, silent_s: float) -> bool:
        """Waits for the end of its outputs for as long as they go on; False when nothing came of them, nor their end,
        for `silent_s`. `beside` is read meanwhile: the engine does not
        tell of another process's end before somebody has taken what it wrote.
        """
        heard, seen = time.monotonic(), -1
        while not self.streams.ended:
            self.streams.wait(_BESIDE_S)
            beside.wait(0)
            so_far = sum(self.streams.outputs.seen.values())
            if so_far != seen:
                heard, seen = time.monotonic(), so_far
            elif time.monotonic() - heard > silent_s:
                return False
        return True

    def exit_code(self) -> int | None:
        """None while it runs. Raises SandboxUnavailable when the engine or the container has gone."""
        state = self._state()
        return None if state.get("Running") else state.get("ExitCode")

    def final_code(self) -> int:
        """The exit code of a process whose outputs have ended."""
        give_up = time.monotonic() + _ENDS_S
        while (code := self.exit_code()) is None:
            if time.monotonic() > give_up:
                raise SandboxUnavailable(f"the engine at {address()} does not say how a command ended")
            time.sleep(_LOOK_S)
        return code

    def complaint(self) -> str:
        """The first line of what it wrote, for a message."""
        kept = self.streams.outputs.kept
        text = bytes(kept["stderr"] or kept["stdout"]).decode("utf-8", "replace").strip()
        return text.partition("\n")[0] or "it says nothing"

    def _state(self) -> dict[str, Any]:
        with asking("a command in a container"):
            return dict(self._cell.api.exec_inspect(self._id))


def group_of(pid: int, container: str) -> str | None:
    """The control group of a container's process, as a path below the hierarchy's root; None where that process is
    not on this machine.
    """
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    path = next((path for controllers, path in paths.items() if "memory" in controllers.split(",")), paths.get("", ""))
    return path.strip("/") if container in path else None
