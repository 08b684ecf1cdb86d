"""Taking changes back: what is left of dead runs, and adopted changes by their id.

Nobody undoes a running owner's work. Undoing is under the work lock of the lease, so of several undoers (a watchdog, a
resumed run, a person) one does it and the others find it done.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from opswright.agents.approvals import whoami
from opswright.agents.attempts import Attempt, Attempts, How, Scope
from opswright.agents.effects import Effects
from opswright.agents.leases import owner_alive, owner_of, sweep, work_lock
from opswright.errors import ApprovalRefused, Exit, InputError, OpswrightError, ToolFailed
from opswright.knowledge.journal import Journal


@dataclass(frozen=True)
class Undone:
    """What came of one undo record: `error` is empty when its change does not stand any more."""

    id: int
    effect: str
    message: str
    error: str = ""
    exit_code: Exit = Exit.DONE


class Undoer:
    """Undoes attempts of one journal. `who` stands in the records."""

    def __init__(self, journal: Journal, leases: Path, effects: Effects | None = None, who: str = "") -> None:
        self._journal = journal
        self._leases = leases
        self._effects = effects or Effects()
        self._attempts = Attempts(journal)
        self._who = who or whoami()

    def left_over(self) -> Iterator[Attempt]:
        """Changes that were neither undone nor adopted and whose owner is gone, newest first."""
        for attempt in sorted(self.open(), key=lambda attempt: -attempt.seq):
            if not owner_alive(self._leases, self._journal, attempt.lease):
                yield attempt

    def open(self) -> Iterator[Attempt]:
        """Changes that were neither undone nor adopted, of running owners too, oldest first."""
        return (attempt for attempt in self._attempts.open() if attempt.undo is not None)

    def undo(self, id: int, force: bool = False) -> Undone:
        """Takes one change back, adopted or left over.

        Raises InputError for an unknown id, ApprovalRefused while its owner runs or when it cannot be undone, and
        ToolFailed when somebody changed the same thing since (`force` overrides that).
        """
        attempt = self._attempts.get(id)
        if attempt is None:
            raise InputError(f"there is no undo record {id}; `opswright undo` without an id lists them", "ID")
        if attempt.how_undone is not None:
            return Undone(id, attempt.action.effect, f"already undone ({attempt.how_undone})")
        if attempt.undo is None:
            why = "its undo record was deleted with its session" if attempt.erased else f"it is {attempt.action.risk}"
            raise ApprovalRefused(f"{attempt.action.effect} cannot be undone: {why}")
        self.take_back(attempt, How.PERSON, force=force)
        sweep(self._leases, self._journal)
        return Undone(id, attempt.action.effect, "undone")

    def undo_all(self, force: bool = False) -> list[Undone]:
        """Takes back everything left over, newest first, and says of each what came of it; adopted changes stay."""
        undone = [self._outcome(attempt, force) for attempt in sorted(self.open(), key=lambda attempt: -attempt.seq)]
        sweep(self._leases, self._journal)
        return undone

    def take_back(self, attempt: Attempt, how: How, *, force: bool = False, held: bool = False) -> None:
        """Reverts one attempt and records it, unless it is undone already. `held`: the caller has the work lock."""
        if not held:
            self._refuse_while_running(attempt)
        lock: AbstractContextManager[None] = nullcontext() if held else work_lock(self._leases, attempt.lease)
        with lock:
            now = self._attempts.fresh(attempt)
            if now.how_undone is not None or now.undo is None:
                return
            if now.lease != attempt.lease:
                raise ApprovalRefused(f"{attempt.action.effect}: a resumed run has taken over; nothing was undone")
            self._revert(now, force)
            self._attempts.mark_undone(now, how, self._who)

    def take_back_again(self, attempt: Attempt) -> None:
        """Reverts what was undone while it was still in progress, once that has ended. The caller has the work lock."""
        if not self._attempts.taken_back_again(attempt):
            self._revert(attempt, force=False)
            self._attempts.mark_undone(attempt, How.WATCHDOG, self._who)
            self._attempts.mark_taken_back_again(attempt, self._who)

    def revert_scope(self, scope: Scope, own_lease: str = "") -> None:
        """Takes back all that a trial performed, newest first; idempotent.

        Goes on after a failure and then raises ToolFailed naming every change that still stands.
        """
        self.each(
            [attempt for attempt in self._attempts.of_scope(scope) if attempt.open],
            lambda attempt: self._take_back_own(attempt, own_lease),
        )

    def each(self, attempts: list[Attempt], take_back: Callable[[Attempt], None]) -> None:
        """Newest first; one that fails does not keep the others from being undone."""
        failures = []
        for attempt in sorted(attempts, key=lambda attempt: -attempt.seq):
            if attempt.undo is None:
                continue
            try:
                take_back(attempt)
            except OpswrightError as error:
                failures.append(f"{attempt.seq} ({error})")
                self._attempts.note("undo.failed", attempt, {"error": str(error), "who": self._who})
        if failures:
            raise ToolFailed(f"these changes still stand, see `opswright undo`: {'; '.join(failures)}")

    def _take_back_own(self, attempt: Attempt, own_lease: str) -> None:
        if attempt.lease != own_lease:
            return self.take_back(attempt, How.REVERTED)
        with work_lock(self._leases, own_lease):
            self.take_back(attempt, How.REVERTED, held=True)

    def _outcome(self, attempt: Attempt, force: bool) -> Undone:
        try:
            self.take_back(attempt, How.PERSON, force=force)
        except OpswrightError as error:
            self._attempts.note("undo.failed", attempt, {"error": str(error), "who": self._who})
            return Undone(attempt.seq, attempt.action.effect, "not undone", str(error), Exit(error.exit_code))
        return Undone(attempt.seq, attempt.action.effect, "undone")

    def _refuse_while_running(self, attempt: Attempt) -> None:
        if owner_alive(self._leases, self._journal, attempt.lease):
            owner = owner_of(self._journal, attempt.lease)
            who = f"process {owner.pid} on {owner.host}" if owner else "its owner"
            raise ApprovalRefused(f"{attempt.action.effect}: {who} is still at work on it; nothing was undone")

    def _revert(self, attempt: Attempt, force: bool) -> None:
        if attempt.undo is None:
            return
        effect = self._effects.load(attempt.undo.effect)
        try:
            if force:
                effect.revert(attempt.undo.captured, force=True)
            else:
                effect.revert(attempt.undo.captured)
        except OpswrightError:
            raise
        except Exception as error:  # whatever an effect trips over, its change still stands and the others must go on
            raise ToolFailed(f"{attempt.undo.effect}: {type(error).__name__}: {error}") from error
