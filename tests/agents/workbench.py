"""A workshop in a temporary folder, for tests of everything that changes the world."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from opswright.agents.approvals import Approvals
from opswright.agents.attempts import Attempt, Attempts, Scope
from opswright.agents.effects import Effects
from opswright.agents.performer import JournalledPerformer, Workshop
from opswright.agents.undo import Undoer
from opswright.agents.watchdog import Patience
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Json, Permit, Risk
from opswright.settings import ApprovalRules, ApprovalSettings

DEEDS = Path(__file__).parent / "deeds"
SHORT = Patience(first=0.2, longest=0.2, total=20.0)  # no watchdog of a test outlives it for long
ALLOW_ALL = ApprovalSettings(
    environments={"local": ApprovalRules(reversible="allow", disruptive="allow", irreversible="allow")}
)


class Crash(BaseException):
    """Stands for the end of the process."""


class CrashingJournal(Journal):
    """Crashes at its `point`th write, before it or after it."""

    point: int | None = None
    after = False
    crash: Callable[[], None]

    def _insert(self, kind: str, payload: Json, run: str, task: str, key: str | None) -> tuple[int, bool]:
        crashing = self.point == 0
        if self.point is not None:
            self.point -= 1
        if crashing and not self.after:
            self.crash()
        result = super()._insert(kind, payload, run, task, key)
        if crashing:
            self.crash()
        return result


def raise_crash() -> None:
    """The end of the process, simulated: what it held is let go of by `Bench.bury`."""
    raise Crash


def kill_self() -> None:
    """The end of the process, really."""
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Bench:
    """The files of one test."""

    folder: Path
    workshops: list[Workshop] = field(default_factory=list)

    def bury(self) -> None:
        """What the kernel does for a dead process: locks and pipes of performers that nobody refers to are gone."""
        for workshop in self.workshops:
            workshop._scopes.clear()
        self.workshops.clear()

    @property
    def switch(self) -> Path:
        return self.folder / "switch"

    @property
    def counter(self) -> Path:
        return self.folder / "counter"

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def count(self) -> int:
        return len(self.counter.read_text().splitlines()) if self.counter.exists() else 0

    @property
    def leases(self) -> Path:
        return self.folder / "state" / "leases"

    def journal(self) -> Journal:
        return Journal(self.folder / "state" / "journal.sqlite3")

    def crashing_journal(self, point: int, after: bool, crash: Callable[[], None]) -> Journal:
        journal = CrashingJournal(self.folder / "state" / "journal.sqlite3")
        journal.point, journal.after, journal.crash = point, after, crash
        return journal

    def workshop(
        self,
        journal: Journal | None = None,
        policy: ApprovalSettings = ALLOW_ALL,
        deadline_s: float | None = None,
        grace_s: float = 5.0,
        patience: Patience = SHORT,
    ) -> Workshop:
        journal = journal or self.journal()
        approvals = Approvals(journal, policy)
        workshop = Workshop(journal, approvals, self.leases, Effects(DEEDS), deadline_s, grace_s, patience)
        self.workshops.append(workshop)
        return workshop

    def undoer(self) -> Undoer:
        return Undoer(self.journal(), self.leases, Effects(DEEDS), who="test")

    def attempts(self) -> list[Attempt]:
        return list(Attempts(self.journal()).all())


def start_bench(folder: Path) -> Bench:
    """A folder with a switch that is off."""
    folder.mkdir(exist_ok=True)
    (folder / "switch").write_text("off")
    return Bench(folder)


def turn(bench: Bench, to: str = "on", risk: Risk = Risk.REVERSIBLE, **more: Json) -> Action:
    """The action that turns the switch."""
    return Action("switch", {"path": str(bench.switch), "to": to, **more}, risk)


def count(bench: Bench, knows: bool = True) -> Action:
    """The action that counts one up."""
    return Action("counter", {"path": str(bench.counter), "knows": knows}, Risk.IRREVERSIBLE)


def allowed(action: Action) -> Permit:
    """The policy's leave."""
    return Permit(action.hash, "policy")


def adopt(workshop: Workshop) -> JournalledPerformer:
    """The performer of an adoption."""
    return workshop.scope("run", "task", "adoption")


ADOPTION = Scope("run", "task", "adoption")
