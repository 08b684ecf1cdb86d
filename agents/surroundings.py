"""The surroundings of a session's tasks: its sandbox, its environments and whatever is held open until it ends."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from opswright.agents.halting import Halt
from opswright.agents.locks import exclusive_locks, held
from opswright.agents.ports import Closeable, Held
from opswright.nouns import digest
from opswright.settings import Settings

if TYPE_CHECKING:
    from opswright.sandboxes.environments.ports import Environment
    from opswright.sandboxes.ports import Sandbox

_Key = tuple[str, str]  # the task that it is held for, empty for the session, and its name


@dataclass
class SessionSurroundings:
    """Implements the Surroundings port; shared by the threads of a session.

    `mode` says what stands behind an environment (live, recording, recorded); `recordings` is the folder of the latter;
    `seed` draws the samples of recorded surfaces, `record_with` is the command that a missing recording is told by;
    `locks`: the folder of the machine's locks, where that is not the settings' own (a run with a state of its own that
    is thrown away works on the same machine as all others).
    """

    settings: Settings
    mode: str = "live"
    recordings: Path | None = None
    seed: int = 0
    record_with: str = ""
    locks: Path | None = None
    _held: dict[_Key, Closeable] = field(default_factory=dict, repr=False)
    _opening: dict[_Key, threading.Lock] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _problems: list[str] = field(default_factory=list, repr=False)

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

    def hold(
        self, name: str, open: Callable[[], Held], *, task: str = "", alive: Callable[[Held], bool] = lambda one: True
    ) -> Held:
        """What `open` returned the first time. Two threads that ask for different names do not wait for each other."""
        key = (task, name)
        with self._lock:
            opening = self._opening.setdefault(key, threading.Lock())
        with opening:
            found = cast("Held | None", self._held.get(key))
            if found is not None and not alive(found):
                self._problems += _closed([(key, self._held.pop(key))])
                found = None
            if found is None:
                found = open()
                self._held[key] = found
            return found

    def exclusive(
        self, name: str, wait_s: float = 0.0, halted: Callable[[float], bool] | None = None
    ) -> AbstractContextManager[None]:
        """A lock for this machine; the kernel lets go of it when its holder dies."""
        lock = (self.locks or exclusive_locks(self.settings)) / f"{digest(name)[:32]}.lock"
        return held(lock, f"{name} is in use by another task; wait for it to end", wait_s, halted or Halt().asked)

    def release(self, task: str) -> tuple[str, ...]:
        """Closes what is held for a task, newest first, and returns what could not be closed, a line each."""
        with self._lock:
            keys = [key for key in list(self._held) if key[0] == task]
            ended = [(key, self._held.pop(key)) for key in keys]
            for key in [key for key in list(self._opening) if key[0] == task]:
                del self._opening[key]
        return _closed(ended)

    def close(self) -> tuple[str, ...]:
        """Closes all that is held, newest first, and returns what could not be closed, a line each."""
        with self._lock:
            held, self._held, self._opening = list(self._held.items()), {}, {}
            problems, self._problems = self._problems, []
        return (*problems, *_closed(held))


def _closed(held: list[tuple[_Key, Closeable]]) -> tuple[str, ...]:
    """Closes them, newest first. Whatever one of them raises (drivers have errors of their own) is a line."""
    problems = []
    for (_, name), one in reversed(held):
        try:
            one.close()
        except Exception as error:  # noqa: BLE001 - somebody else's code, and the others are to be closed too
            said = " ".join(str(error).split()) or type(error).__name__
            problems.append(f"{name} could not be closed: {said}")
    return tuple(problems)


@dataclass(frozen=True)
class RunSurroundings:
    """Implements the Surroundings port for one run of a session: what blocks ends with its `halt`, and what is held for
    a task is held for this run's task of that id.
    """

    session: SessionSurroundings
    run: str
    halt: Halt

    @property
    def live(self) -> bool:
        """Whether there is anything to change."""
        return self.session.live

    def sandbox(self) -> "Sandbox":
        """The session's sandbox; its calls end when the run is stopped."""
        from opswright.sandboxes.capped import Interruptible

        return Interruptible(self.session.sandbox(), self.halt.asked)

    def environment(self, name: str, live: "Callable[[], Environment]", target: str = "") -> "Environment":
        """The session's environment of this name and target."""
        return self.session.environment(name, live, target)

    def hold(
        self, name: str, open: Callable[[], Held], *, task: str = "", alive: Callable[[Held], bool] = lambda one: True
    ) -> Held:
        """What `open` returned, kept for the session or for a task of this run."""
        return self.session.hold(name, open, task=self._scope(task), alive=alive)

    def exclusive(self, name: str, wait_s: float = 0.0) -> AbstractContextManager[None]:
        """A lock for this machine; the wait for it ends when the run is stopped."""
        return self.session.exclusive(name, wait_s, self.halt.asked)

    def release(self, task: str) -> tuple[str, ...]:
        """Closes what is held for a task of this run, and returns what could not be closed, a line each."""
        return self.session.release(self._scope(task))

    def _scope(self, task: str) -> str:
        return f"{self.run}/{task}" if task else ""
