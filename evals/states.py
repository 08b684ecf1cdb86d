"""State folders of live cases: each is kept while a change of its case stands, for `undo` and `doctor` to find.

A live case touches real things, and what undoing them needs is in the journal of its own state folder alone. The folder
lies under the user's state folder and goes when nothing stands any more: at the case's end, or after `opswright undo`.
"""

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opswright.agents.locks import held
from opswright.errors import EnvironmentFailed, OpswrightError, StoreFailed

if TYPE_CHECKING:
    from opswright.agents.attempts import Attempt
    from opswright.agents.undo import Undoer
    from opswright.knowledge.journal import Journal

OWNED = "owner.lock"  # held while its case runs
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class LiveState:
    """One case's state folder. `name`: its run and case, `RUN/CASE`, as `opswright undo` takes it."""

    name: str
    folder: Path

    @property
    def has_journal(self) -> bool:
        """Whether its case came so far."""
        return (self.folder / "journal.sqlite3").exists()

    def journal(self) -> "Journal":
        """Its journal."""
        from opswright.knowledge.journal import Journal

        return Journal(self.folder / "journal.sqlite3", timeout_s=3.0)

    def undoer(self) -> "Undoer":
        """Who takes its changes back."""
        from opswright.agents.undo import Undoer

        return Undoer(self.journal(), self.folder / "leases")

    def standing(self) -> "list[Attempt]":
        """Changes that stand, adopted or not. Raises StoreFailed for a journal that cannot be read."""
        from opswright.agents.attempts import Attempts

        if not self.has_journal:
            return []
        return [one for one in Attempts(self.journal()).standing() if one.undo is not None]


def live_states(state_dir: Path) -> Iterator[LiveState]:
    """The state folders of live cases that are there, running ones included, by name."""
    root = _root(state_dir)
    for folder in sorted(root.glob("*/*/")):
        yield LiveState(str(folder.relative_to(root)), folder)


@contextlib.contextmanager
def live_state(state_dir: Path, run: str, case: str) -> Iterator[Path]:
    """A new state folder for one case. It goes in the end unless a change of the case stands."""
    root = _root(state_dir)
    with contextlib.ExitStack() as owned:
        with _alone(root):
            folder = _made(root / _PLAIN.sub("_", run), _PLAIN.sub("_", case))
            owned.enter_context(held(folder / OWNED, f"{folder} is in use"))
        try:
            yield folder
        finally:
            owned.close()
            _sweep(root, LiveState(str(folder.relative_to(root)), folder))


def sweep(state_dir: Path) -> None:
    """Removes the folders of cases that have ended, killed ones too, in which nothing stands any more."""
    for state in list(live_states(state_dir)):
        _sweep(_root(state_dir), state)


def _sweep(root: Path, state: LiveState) -> None:
    with contextlib.suppress(EnvironmentFailed), _alone(root), held(state.folder / OWNED, "it runs"):
        try:
            done = not state.standing()
        except OpswrightError:  # a journal that cannot be read may be all there is
            return
        if done:
            shutil.rmtree(state.folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # another case's folder is in it
                state.folder.parent.rmdir()


def _root(state_dir: Path) -> Path:
    return state_dir / "evals" / "live"


def _made(run: Path, case: str) -> Path:
    """A case that runs several times in a run, once for each tier, has several folders."""
    number = 1
    while True:
        folder = run / (case if number == 1 else f"{case}.{number}")
        try:
            folder.mkdir(mode=0o700, parents=True)
            return folder
        except FileExistsError:
            number += 1
        except OSError as error:
            raise StoreFailed(f"{folder}: {error.strerror}") from error


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Folders are made and removed by one process at a time, so that none is swept before its case holds it."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(root / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreFailed(f"{root}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
