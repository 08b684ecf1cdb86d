"""The surroundings of a session's tasks: its sandbox, its environments and whatever is held open until it ends."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from opswright.agents.ports import Closeable, Held
from opswright.errors import EnvironmentFailed, OpswrightError, StoreFailed
from opswright.nouns import digest
from opswright.settings import Settings

if TYPE_CHECKING:
    from opswright.sandboxes.environments.ports import Environment
    from opswright.sandboxes.ports import Sandbox


@dataclass
class SessionSurroundings:
    """Implements the Surroundings port; shared by the threads of a session.

    `mode` says what stands behind an environment (live, recording, recorded); `recordings` is the folder of the latter;
    `seed` draws the samples of recorded surfaces, `record_with` is the command that a missing recording is told by.
    """

    settings: Settings
    mode: str = "live"
    recordings: Path | None = None
    seed: int = 0
    record_with: str = ""
    _held: dict[str, Closeable] = field(default_factory=dict, repr=False)
    _opening: dict[str, threading.Lock] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def live(self) -> bool:
        """Whether there is anything to change."""
        return self.mode != "recorded"

    def sandbox(self) -> "Sandbox":
        """The session's sandbox, no call of which gets more than the settings allow."""
        from opswright.sandboxes.opening import open_sandbox

        return self.hold("sandbox", lambda: open_sandbox(self.settings.sandbox))

    def environment(self, name: str, live: "Callable[[], Environment]", target: str = "") -> "Environment":
        """The session's environment of this name and target, backed as the session was told."""
        from opswright.sandboxes.environments.opening import COMMAND, About, open_environment

        about = About(command=self.record_with or COMMAND, seed=self.seed)
        held = f"environment/{name}/{target}" if target else f"environment/{name}"
        return self.hold(held, lambda: open_environment(name, live, self.mode, self.recordings, about))

    def hold(self, name: str, open: Callable[[], Held]) -> Held:
        """What `open` returned the first time. Two threads that ask for different names do not wait for each other."""
        with self._lock:
            opening = self._opening.setdefault(name, threading.Lock())
        with opening:
            if name not in self._held:
                self._held[name] = open()
            return cast(Held, self._held[name])

    @contextlib.contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """A lock for this machine; the kernel lets go of it when its holder dies."""
        path = self.settings.state_dir / "exclusive" / f"{digest(name)[:32]}.lock"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreFailed(f"{path}: {error.strerror}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise EnvironmentFailed(f"{name} is in use by another task; wait for it to end") from error
            yield
        finally:
            os.close(descriptor)

    def close(self) -> tuple[str, ...]:
        """Closes all that is held, newest first, and returns what could not be closed, a line each."""
        with self._lock:
            held, self._held, self._opening = list(self._held.items()), {}, {}
        problems = []
        for name, one in reversed(held):
            try:
                one.close()
            except OpswrightError as error:
                problems.append(f"{name} could not be closed: {error}")
        return tuple(problems)

    def __enter__(self) -> "SessionSurroundings":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
