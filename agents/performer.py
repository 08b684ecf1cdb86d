"""Performs actions: permit checked again, intent and undo record on disk first, exactly once in its scope.

After a crash a step is settled from the journal: done returns the recorded result, begun asks the effect whether it
landed, and where that cannot be known it is reverted and done again, or a person is asked.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
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
from opswright.agents.watchdog import GRACE_S, Patience, Watch, start
from opswright.errors import ApprovalNeeded, ApprovalRefused, EnvironmentFailed, OpswrightError, ToolFailed
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Json, Permit, Risk

NOTE = "note"
UNWATCHED = "the watchdog died; nothing more is done under this lease, see `opswright undo`"
MUST_BE_UNDOABLE = (Risk.REVERSIBLE, Risk.DISRUPTIVE)


@dataclass
class Workshop:
    """Where performers work: the journal, the approvals, the folder of leases and the effects there are.

    `deadline_s`: how long a watched change may stand before it is kept; None is as long as the owner lives. A trial's
    action may say a shorter time. `grace_s`: how long after that a change in progress may take to end before it is
    undone under its owner's hands; `patience`: how a watchdog tries again what it could not undo.
    """

    journal: Journal
    approvals: Approvals
    leases: Path
    effects: Effects = field(default_factory=Effects)
    deadline_s: float | None = None
    grace_s: float = GRACE_S
    patience: Patience = field(default_factory=Patience)
    halt: Halt = field(default_factory=Halt)
    _scopes: dict[Scope, "JournalledPerformer"] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def scope(self, run: str, task: str, name: str) -> "JournalledPerformer":
        """The performer of `trial/3`, `adoption` and so on, the same object each time in this process."""
        scope = Scope(run, task, name)
        with self._lock:
            if scope not in self._scopes:
                self._scopes[scope] = JournalledPerformer(self, scope, trial=name.startswith("trial"))
            return self._scopes[scope]

    def close(self) -> None:
        """Gives all leases back, at the end of a run however it ended: whoever resumes it may then take over."""
        with self._lock:
            performers, self._scopes = list(self._scopes.values()), {}
        for performer in performers:
            performer.close()

    def decide(self, action: Action, run: str, task: str, name: str) -> Decision:
        """What policy and grants say to an action in a scope. Reads only."""
        trial = (run, task) if name.startswith("trial") else None
        return self.approvals.decide(action, Scope(run, task, name).key(action), trial)


class JournalledPerformer:
    """Performs within one scope under one lease, taken at the first action and given back by `keep`, `revert`, `close`.

    What is neither kept nor reverted when the owner dies is undone by the watchdog, where one runs: in a trial for
    every change, in an adoption for disruptive ones. Without a watchdog it is left over for a resumed run or `undo`.
    Every watched change has its own deadline, from its beginning until it is taken back or kept. When one passes,
    everything of the lease is undone and further work refused.
    """

    def __init__(self, workshop: Workshop, scope: Scope, *, trial: bool) -> None:
        self.scope = scope
        self._workshop = workshop
        self._journal = workshop.journal
        self._attempts = Attempts(workshop.journal)
        self._trial = trial
        self._lease: Lease | None = None
        self._watch: Watch | None = None
        self._threads = threading.RLock()  # of several threads one takes the lease
        self._standing: dict[str, Action] = {}  # what this process performed and did not take back, by hash, in order

    def perform(self, action: Action, permit: Permit) -> Json:
        """Does it once and returns the effect's result, again for the same action while that stands in this scope.

        In a trial, what other changes were made on top of is not answered so: the world is not any more what it was.
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
            self._refuse_stale(action)
            last = self._settled(self._attempts.last(self.scope.key(action)), effect)
            if last is not None and last.done and last.how_undone is None:
                self._stands(action)
                return last.result
            trial = (self.scope.run, self.scope.task) if self._trial else None
            self._workshop.approvals.confirm(action, permit, self.scope.key(action), trial)
            attempt = self._begun(action, effect, last)
            result = self._performed(attempt, effect, permit)
            self._attempts.mark_done(attempt, result)
            self._take_back_if_revoked(attempt)
            self._stands(action)
            return result

    def take_back(self, action: Action) -> None:
        """Undoes the newest change of this scope, which must be this action's; it may be performed again then.

        Raises ToolFailed when it is not done, cannot be undone, or another change stands on top of it, and what
        undoing it raises.
        """
        with self._taken().working():
            mine = self._taken().id
            # What a dead process left in this scope and nobody took over is older than all of this one's.
            every = itertools.chain(self._attempts.of_lease(mine), self._of_scope_newest_first())
            top = next((one for one in every if one.open and one.undo is not None), None)
            if top is None or top.key != self.scope.key(action):
                raise ToolFailed(f"{_named(action)}: not taken back: {self._why_not(action, top)}")
            self._undoer().take_back(top, How.REVERTED, held=top.lease == mine)
            self._standing.pop(action.hash, None)

    def check(self) -> None:
        """Raises ToolFailed when what was performed does not stand any more because its deadline passed.

        Raises EnvironmentFailed when nobody watches it any more.
        """
        if self._lease is not None:
            self._lease.check()
        watch = self._watch
        if watch is not None and not watch.alive():
            if self._lease is not None:
                self._lease.check()  # it may have revoked the lease and ended between the two looks
            raise EnvironmentFailed(UNWATCHED)

    def note(self, name: str, make: Callable[[], Json]) -> Json:
        """What `make` returned the first time in this scope, in this process or a dead one.

        What is taken while a deadline passes counts for nothing. Raises StoreFailed for what is too large, and what
        `check` raises.
        """
        self.check()
        key = f"{self.scope.run}/{self.scope.task}/{self.scope.name}/{NOTE}/{name}"
        found = self._journal.find(key)
        if found is not None:
            return found.payload
        value = small(make(), f"note {name}")
        self.check()
        self._journal.append(NOTE, value, run=self.scope.run, task=self.scope.task, key=key)
        return value

    def revert(self) -> None:
        """Takes back all that was performed in this scope, by this process or a dead one, newest first; idempotent.

        Raises ToolFailed when something still stands.
        """
        self._undoer().revert_scope(self.scope, "" if self._lease is None else self._lease.id)
        self._standing.clear()
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
        with self._threads:
            self._close()

    def _close(self) -> None:
        if self._lease is None:
            return
        mine = self._lease.id
        still_open = any(one.open and one.undo is not None for one in self._attempts.of_lease(mine))
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
        with self._threads:
            if self._lease is None:
                self._lease = Lease(self._workshop.leases, self._journal)
            return self._lease

    def _refuse_stale(self, action: Action) -> None:
        done = list(self._standing)
        if not self._trial or action.hash not in self._standing:
            return
        later = [self._standing[one] for one in done[done.index(action.hash) + 1 :]]
        on_top = [_named(one) for one in later if one.risk is not Risk.READ]
        if on_top:
            raise ToolFailed(f"{_named(action)}: done already; {on_top[-1]} was done after it: take that back first")

    def _of_scope_newest_first(self) -> Iterator[Attempt]:
        yield from reversed(list(self._attempts.of_scope(self.scope)))

    def _why_not(self, action: Action, top: Attempt | None) -> str:
        last = self._attempts.last(self.scope.key(action))
        if last is None or last.how_undone is not None:
            return "it does not stand"
        if last.undo is None or top is None:
            return "it cannot be undone"
        return f"{_named(top.action)} stands on top of it"

    def _stands(self, action: Action) -> None:
        self._standing.setdefault(action.hash, action)

    def _undoer(self) -> Undoer:
        return Undoer(self._journal, self._workshop.leases, self._workshop.effects, who=f"run {self.scope.run}")

    def _begun(self, action: Action, effect: Effect, last: Attempt | None) -> Attempt:
        undo = effect.capture(action.arguments)
        if undo is None and action.risk in MUST_BE_UNDOABLE:
            raise ApprovalRefused(f"{action.effect} claims to be {action.risk} and cannot be undone; nothing was done")
        watched = self._watched(action)
        if watched:
            self._ensure_watch()
        beginning = Beginning(self.scope, action, undo, self._taken().id, watched, self._deadline(action, watched))
        attempt = self._attempts.begin(beginning, last)
        if attempt is None:
            raise EnvironmentFailed(f"{action.effect}: another process is doing the same step; nothing was done here")
        try:
            self._tell_when_due(attempt)
        except EnvironmentFailed:
            self._attempts.mark_undone(attempt, How.NEVER_LANDED, "performer")
            raise
        return attempt

    def _deadline(self, action: Action, watched: bool) -> float | None:
        """Until when it may stand, by the clock that the processes of a machine share."""
        own = action.deadline_s if self._trial else None
        shortest = min((one for one in (own, self._workshop.deadline_s) if one is not None), default=None)
        return time.monotonic() + shortest if watched and shortest is not None else None

    def _tell_when_due(self, attempt: Attempt) -> None:
        # After its beginning is written down: the watchdog looks for it there when the time has come.
        if attempt.deadline_at is not None and self._watch is not None:
            self._watch.due(attempt.deadline_at)

    def _watched(self, action: Action) -> bool:
        return action.risk is Risk.DISRUPTIVE or (self._trial and action.risk is Risk.REVERSIBLE)

    def _ensure_watch(self) -> None:
        if self._watch is None:
            self._watch = start(
                self._journal.path,
                self._workshop.leases,
                self._taken().id,
                grace_s=self._workshop.grace_s,
                patience=self._workshop.patience,
                plugins=self._workshop.effects.plugins,
            )
        elif not self._watch.alive():
            raise EnvironmentFailed(UNWATCHED)

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
                moved = self._attempts.move(now, mine, self._deadline(now.action, now.watched))
                self._tell_when_due(moved)
                return self._resolved(moved, effect)
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


def _named(action: Action) -> str:
    return f"{action.effect} ({action.hash[:12]})"
