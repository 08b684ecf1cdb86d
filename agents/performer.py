"""Performs actions: permit checked again, intent and undo record on disk first, exactly once in its scope.

After a crash a step is settled from the journal: done returns the recorded result, begun asks the effect whether it
landed, and where that cannot be known it is reverted and done again, or a person is asked.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from opswright.agents.approvals import Approvals, Decision
from opswright.agents.attempts import Attempt, Attempts, Beginning, How, Scope
from opswright.agents.effects import Effects
from opswright.agents.episode import small
from opswright.agents.halting import Halt
from opswright.agents.leases import Lease, owner_alive, revoked, work_lock
from opswright.agents.ports import Effect
from opswright.agents.undo import Undoer
from opswright.agents.watchdog import GRACE_S, Watch, start
from opswright.errors import ApprovalNeeded, ApprovalRefused, EnvironmentFailed, OpswrightError, ToolFailed
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Json, Permit, Risk

NOTE = "note"
MUST_BE_UNDOABLE = (Risk.REVERSIBLE, Risk.DISRUPTIVE)


@dataclass
class Workshop:
    """Where performers work: the journal, the approvals, the folder of leases and the effects there are.

    `deadline_s`: how long the changes of one scope may stand before they are kept; None is as long as the owner lives.
    `grace_s`: how long after that a change in progress may take to end before it is undone under its owner's hands.
    """

    journal: Journal
    approvals: Approvals
    leases: Path
    effects: Effects = field(default_factory=Effects)
    deadline_s: float | None = None
    grace_s: float = GRACE_S
    halt: Halt = field(default_factory=Halt)
    _scopes: dict[Scope, "JournalledPerformer"] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def scope(self, run: str, task: str, name: str, deadline_s: float | None = None) -> "JournalledPerformer":
        """The performer of `trial/3`, `adoption` and so on, the same object each time in this process.

        `deadline_s`: this scope's own, where it is shorter than the workshop's.
        """
        scope = Scope(run, task, name)
        with self._lock:
            if scope not in self._scopes:
                shortest = min((one for one in (deadline_s, self.deadline_s) if one is not None), default=None)
                trial = name.startswith("trial")
                self._scopes[scope] = JournalledPerformer(self, scope, trial=trial, deadline_s=shortest)
            return self._scopes[scope]

    def close(self) -> None:
        """Gives all leases back, at the end of a run however it ended: whoever resumes it may then take over."""
        with self._lock:
            performers, self._scopes = list(self._scopes.values()), {}
        for performer in performers:
            performer.close()

    def decide(self, action: Action, run: str, task: str, name: str) -> Decision:
        """What policy and grants say to an action in a scope. Reads only."""
        return self.approvals.decide(action, Scope(run, task, name).key(action))


class JournalledPerformer:
    """Performs within one scope under one lease, taken at the first action and given back by `keep`, `revert`, `close`.

    What is neither kept nor reverted when the owner dies is undone by the watchdog, where one runs: in a trial for
    every change, in an adoption for disruptive ones. Without a watchdog it is left over for a resumed run or `undo`.
    The deadline counts from the first watched action; after it everything is undone and further work refused.
    """

    def __init__(self, workshop: Workshop, scope: Scope, *, trial: bool, deadline_s: float | None = None) -> None:
        self.scope = scope
        self._deadline_s = workshop.deadline_s if deadline_s is None else deadline_s
        self._workshop = workshop
        self._journal = workshop.journal
        self._attempts = Attempts(workshop.journal)
        self._trial = trial
        self._lease: Lease | None = None
        self._watch: Watch | None = None

    def perform(self, action: Action, permit: Permit) -> Json:
        """Does it once and returns the effect's result, again for the same action in this scope.

        Raises ApprovalRefused, ApprovalNeeded (a crash left an action that cannot be undone and may have happened),
        ToolFailed, EnvironmentFailed, StoreFailed.
        """
        if permit.action_hash != action.hash:
            raise ApprovalRefused(f"{action.effect}: the permit is for another action; nothing was done")
        self._workshop.halt.check()
        effect = self._workshop.effects.load(action.effect)
        self._workshop.effects.check_risk(action)
        lease = self._taken()
        with lease.working():
            last = self._settled(self._attempts.last(self.scope.key(action)), effect)
            if last is not None and last.done and last.how_undone is None:
                return last.result
            self._workshop.approvals.confirm(action, permit, self.scope.key(action))
            attempt = self._begun(action, effect, last)
            result = self._performed(attempt, effect, permit)
            self._attempts.mark_done(attempt, result)
            self._take_back_if_revoked(attempt)
            return result

    def note(self, name: str, make: Callable[[], Json]) -> Json:
        """What `make` returned the first time in this scope, in this process or a dead one.

        Raises StoreFailed for what is too large.
        """
        key = f"{self.scope.run}/{self.scope.task}/{self.scope.name}/{NOTE}/{name}"
        found = self._journal.find(key)
        if found is not None:
            return found.payload
        value = small(make(), f"note {name}")
        self._journal.append(NOTE, value, run=self.scope.run, task=self.scope.task, key=key)
        return value

    def revert(self) -> None:
        """Takes back all that was performed in this scope, by this process or a dead one, newest first; idempotent.

        Raises ToolFailed when something still stands.
        """
        self._undoer().revert_scope(self.scope, "" if self._lease is None else self._lease.id)
        self.close()

    def keep(self) -> None:
        """What was done in this scope, by this process or a dead one, is adopted: only `undo ID` takes it back now.

        Raises ToolFailed when something of it does not stand any more: the watchdog or a person was first.
        """
        last = {attempt.key: attempt for attempt in self._attempts.of_scope(self.scope)}
        for attempt in last.values():
            if attempt.how_undone in (How.WATCHDOG, How.PERSON):
                raise ToolFailed(
                    f"{attempt.action.effect}: it was undone ({attempt.how_undone}) before it could be kept"
                )
        for attempt in last.values():
            if attempt.open and attempt.done:
                self._keep_one(attempt)
        self.close()

    def close(self) -> None:
        """Gives the lease back; the watchdog then undoes what is neither kept nor undone."""
        if self._lease is None:
            return
        mine = self._lease.id
        still_open = any(
            attempt.open and attempt.undo is not None and attempt.lease == mine
            for attempt in self._attempts.of_scope(self.scope)
        )
        self._lease.release()
        self._lease = None
        if self._watch is not None:
            self._watch.abandon() if still_open else self._watch.finished()
            self._watch = None

    def _keep_one(self, attempt: Attempt) -> None:
        if self._lease is not None and attempt.lease == self._lease.id:
            with self._lease.working():
                self._attempts.mark_kept(attempt)
            return
        self._refuse_while_others_work(attempt)
        with work_lock(self._workshop.leases, attempt.lease):
            now = self._attempts.fresh(attempt)
            if now.how_undone is not None:
                raise ToolFailed(f"{now.action.effect}: it was undone ({now.how_undone}) before it could be kept")
            self._attempts.mark_kept(now)

    def _refuse_while_others_work(self, attempt: Attempt) -> None:
        if owner_alive(self._workshop.leases, self._journal, attempt.lease):
            raise EnvironmentFailed(
                f"{attempt.action.effect}: another process is at work on the same step; wait for it"
            )

    def _taken(self) -> Lease:
        if self._lease is None:
            self._lease = Lease(self._workshop.leases, self._journal)
        return self._lease

    def _undoer(self) -> Undoer:
        return Undoer(self._journal, self._workshop.leases, self._workshop.effects, who=f"run {self.scope.run}")

    def _begun(self, action: Action, effect: Effect, last: Attempt | None) -> Attempt:
        undo = effect.capture(action.arguments)
        if undo is None and action.risk in MUST_BE_UNDOABLE:
            raise ApprovalRefused(f"{action.effect} claims to be {action.risk} and cannot be undone; nothing was done")
        watched = self._watched(action)
        if watched:
            self._ensure_watch()
        attempt = self._attempts.begin(Beginning(self.scope, action, undo, self._taken().id, watched), last)
        if attempt is None:
            raise EnvironmentFailed(f"{action.effect}: another process is doing the same step; nothing was done here")
        return attempt

    def _watched(self, action: Action) -> bool:
        return action.risk is Risk.DISRUPTIVE or (self._trial and action.risk is Risk.REVERSIBLE)

    def _ensure_watch(self) -> None:
        if self._watch is None:
            self._watch = start(
                self._journal.path,
                self._workshop.leases,
                self._taken().id,
                deadline_s=self._deadline_s,
                grace_s=self._workshop.grace_s,
                plugins=self._workshop.effects.plugins,
            )
        elif not self._watch.alive():
            raise EnvironmentFailed("the watchdog died; nothing more is done under this lease, see `opswright undo`")

    def _performed(self, attempt: Attempt, effect: Effect, permit: Permit) -> Json:
        try:
            return effect.perform(attempt.action, permit, attempt.external_key)
        except OpswrightError as error:
            self._attempts.note("effect.failed", attempt, {"error": str(error)})
            with contextlib.suppress(OpswrightError):
                if effect.landed(attempt.action.arguments, attempt.external_key) is False:
                    self._attempts.mark_undone(attempt, How.NEVER_LANDED, "performer")
            raise

    def _take_back_if_revoked(self, attempt: Attempt) -> None:
        # The deadline passed while the effect was in progress; the watchdog may have undone it before it ended.
        assert self._lease is not None
        if revoked(self._journal, self._lease.id):
            if attempt.undo is not None:
                self._undoer().take_back_again(attempt)
            self._lease.check()

    def _settled(self, last: Attempt | None, effect: Effect) -> Attempt | None:
        """The last attempt, its end known: done and under this lease, kept, or not standing any more."""
        if last is not None and last.how_undone is How.PERSON:
            raise ApprovalRefused(f"{last.action.effect}: a person undid this step; start a new run to do it again")
        if last is None or last.kept or last.how_undone is not None:
            return last
        mine = self._taken().id
        if last.lease == mine:
            return self._resolved(last, effect)
        self._refuse_while_others_work(last)
        with work_lock(self._workshop.leases, last.lease):
            now = self._attempts.fresh(last)
            if now.how_undone is None and now.lease == last.lease:
                if now.watched:
                    self._ensure_watch()
                now = self._resolved(self._attempts.move(now, mine), effect)
                return now
        return self._settled(now, effect)

    def _resolved(self, attempt: Attempt, effect: Effect) -> Attempt:
        """An attempt of this lease, with its end known."""
        if attempt.done:
            return attempt
        landed = effect.landed(attempt.action.arguments, attempt.external_key)
        if landed:
            return self._attempts.mark_done(attempt, None, recovered=True)
        if landed is False or attempt.action.risk is Risk.READ:
            self._attempts.mark_undone(attempt, How.NEVER_LANDED, "performer")
        elif attempt.undo is not None:
            self._undoer().take_back(attempt, How.REVERTED, held=True)
        else:
            self._ask_to_repeat(attempt)
            self._attempts.mark_undone(attempt, How.REPEATED, "performer")
        return self._attempts.fresh(attempt)

    def _ask_to_repeat(self, attempt: Attempt) -> None:
        action = attempt.action
        if self._workshop.approvals.granted_after(action.hash, attempt.seq):
            return
        reason = "it was begun and then cut off; it cannot be known whether it happened, and approving repeats it"
        self._workshop.approvals.ask(action, reason, run=self.scope.run, task=self.scope.task)
        raise ApprovalNeeded(f"{action.effect}: {reason}: opswright approve {action.hash}", action.hash)
