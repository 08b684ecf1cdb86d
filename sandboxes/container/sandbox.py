"""The container sandbox: each call in a container of its own, of which the next one is started ahead.

Every container: no network unless asked, read-only root, no capabilities, no new privileges, user 65534, one tmpfs for
all that can be written, its own namespaces; used for one call and removed.

With root on the engine's own machine each call has a control group inside the container's, counts exactly, and can be
frozen at its memory limit where the kernel does that. Elsewhere (an ordinary user, an engine on another machine) the
container's own limits are the call's:

- they also count the two or three small processes around the command;
- the figures are read inside the container when the call is over; of a call that left no room for one more process only
  the engine's own count is known;
- nothing is frozen: a call at its memory limit is stopped.

Everywhere: a writable mount is the host's own disk, and its room is not limited.
"""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.commands import check
from opswright.sandboxes.container.call import Call
from opswright.sandboxes.container.cell import Cell, Shape, shape_of
from opswright.sandboxes.container.watching import ROOM_BYTES, ROOM_PIDS
from opswright.sandboxes.ports import DEFAULT_LIMITS, Command, Completed, Halted, Limits, OnMemory, never

if TYPE_CHECKING:
    from docker import APIClient


class ContainerSandbox:
    """Runs calls in containers of `image`. `most`: limits that hold for containers as a whole where calls have narrower
    ones inside; `grouped`, `freezes`: what control groups can do here (`opening.py` finds that out).
    """

    def __init__(self, api: "APIClient", image: str, most: Limits, grouped: bool, freezes: bool) -> None:
        self._api = api
        self.image = image
        self._most = most
        self._grouped = grouped
        self._freezes = grouped and freezes
        self._lock = threading.Lock()
        self._spare: Future[Cell] | None = None
        self._spare_shape: Shape | None = None
        self._behind = ThreadPoolExecutor(2, "opswright-containers")
        self._at_work: set[Future[None]] = set()
        self._closed = False

    @property
    def name(self) -> str:
        return "container"

    @property
    def freezes(self) -> bool:
        return self._freezes

    def run(
        self,
        command: Command,
        limits: Limits = DEFAULT_LIMITS,
        on_memory: OnMemory | None = None,
        halted: Halted = never,
    ) -> Completed:
        check(command, limits, as_nobody=True)
        outer = self._outer(limits) if self._grouped else None
        cell = self._take(shape_of(limits, tuple(command.mounts), outer))
        freeze = self._freezes and on_memory is not None
        try:
            call = Call(cell, command, limits, self._grouped, on_memory, freeze, halted)
            done = call.completed()
        except BaseException:
            with contextlib.suppress(SandboxUnavailable):  # the first failure is the one to tell
                cell.dispose()
            raise
        if call.clean:  # its container can go behind the caller's back
            self._behind_us(lambda: _quietly(cell))
        else:
            cell.dispose()
        return done

    def settle(self) -> None:
        """Waits for what goes on behind calls: the start of the next container, the removal of the last one."""
        with self._lock:
            spare, at_work = self._spare, set(self._at_work)
        wait(at_work)
        wait([spare] if spare else [])

    def close(self) -> None:
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, None
        if spare is not None:
            _dispose(spare)
        self._behind.shutdown(wait=True)
        self._api.close()

    def _outer(self, limits: Limits) -> Limits:
        """The container around a call's group: wide enough for both, so that the next call finds it fitting."""
        most = self._most
        return replace(
            most,
            memory_bytes=max(most.memory_bytes, limits.memory_bytes) + ROOM_BYTES,
            cpus=max(most.cpus, limits.cpus),
            pids=max(most.pids, limits.pids) + ROOM_PIDS,
        )

    def _take(self, shape: Shape) -> Cell:
        """The container that was started ahead, when it fits and lives, else a new one; and starts the next one.

        None is started ahead with mounts: between calls nothing of the host is held.
        """
        if shape.mounts:
            self._must_be_open()
            return Cell(self._api, self.image, shape)
        self._must_be_open()
        with self._lock:
            spare, fits = self._spare, self._spare_shape == shape
            self._spare = None
        cell = _ready(spare) if spare is not None and fits else None
        if spare is not None and cell is None:
            self._behind_us(lambda: _dispose(spare))
        if cell is None:
            cell = Cell(self._api, self.image, shape)
        self._prepare(shape)
        return cell

    def _must_be_open(self) -> None:
        if self._closed:
            raise SandboxUnavailable("the sandbox is closed")

    def _prepare(self, shape: Shape) -> None:
        with self._lock:
            if self._spare is None and not self._closed:
                self._spare = self._behind.submit(Cell, self._api, self.image, shape)
                self._spare_shape = shape

    def _behind_us(self, work: Callable[[], None]) -> None:
        """Does it while the caller goes on; at once when the sandbox is closed already."""
        with self._lock:
            closed = self._closed
            if not closed:
                task = self._behind.submit(work)
                self._at_work.add(task)
                task.add_done_callback(self._at_work.discard)
        if closed:
            work()


def _ready(spare: Future[Cell]) -> Cell | None:
    try:
        cell = spare.result()
        return cell if cell.lives() else None
    except SandboxUnavailable:  # starting one now will say why
        return None


def _dispose(spare: Future[Cell]) -> None:
    with contextlib.suppress(SandboxUnavailable):
        spare.result().dispose()


def _quietly(cell: Cell) -> None:
    with contextlib.suppress(SandboxUnavailable):  # it ends with our connection, and the next start sweeps
        cell.dispose()
