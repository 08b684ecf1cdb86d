"""Who may do what: a policy by risk class and environment, and a person's leave bound to one action's hash.

The policy is the settings' (a project file can only have narrowed it). A grant names the hash of the exact action, is
used once (the same step resumed after a crash counts as the same use) and expires. A grant for an action that covers
its task's trials serves all of them inside its space, in that run and task. It is checked at the gate and again by the
performer right before the effect. Questions, answers and uses are in the journal.
"""

import os
import pwd
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from opswright.errors import ApprovalNeeded, ApprovalRefused, InputError
from opswright.knowledge.erasure import ERASED
from opswright.knowledge.journal import Journal, Record
from opswright.nouns import Action, Json, Permit, Risk, as_json
from opswright.settings import ApprovalSettings

GRANT_LIFETIME_S = 24 * 3600.0
SHORTEST_PREFIX = 12  # hex digits of an action's hash that `approve` takes


class Choice(StrEnum):
    """What the policy says to an action."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True)
class Decision:
    """What the gate found: `permit` with allow, the reason otherwise."""

    choice: Choice
    reason: str
    permit: Permit | None = None


@dataclass(frozen=True)
class Asked:
    """An action somebody has to decide about, as it stands in the journal."""

    action: Action
    reason: str
    run: str
    at: float
    task: str = ""


class Approvals:
    """The gate's and the performer's view of the policy and the grants.

    `yes` is the user's --yes: it answers for reversible actions and nothing else.
    """

    def __init__(
        self,
        journal: Journal,
        policy: ApprovalSettings | None = None,
        *,
        yes: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._journal = journal
        self._policy = policy or ApprovalSettings()
        self._yes = yes
        self._clock = clock

    def decide(self, action: Action, key: str = "", trial: tuple[str, str] | None = None) -> Decision:
        """Reads only, so that a gate node may run again. `key`: the step's idempotency key, if it has used a grant;
        `trial`: the run and the task where it is done in a trial.
        """
        choice = Choice(self._policy.rules(action.environment).rule(action.risk))
        kind = f"{action.risk} actions in {action.environment}"
        if choice is Choice.DENY:
            return Decision(Choice.DENY, f"the approval policy denies {kind}")
        if problem := _uncoverable(action, trial):
            return Decision(Choice.DENY, problem)
        if choice is Choice.ALLOW:
            return Decision(Choice.ALLOW, f"the approval policy allows {kind}", Permit(action.hash, "policy"))
        if self._yes and action.risk in (Risk.READ, Risk.REVERSIBLE):
            return Decision(Choice.ALLOW, "--yes", Permit(action.hash, "flag"))
        if trial is not None and action.covers == "task":
            if self._covered(action, *trial):
                return Decision(Choice.ALLOW, "approved by a person for the task", Permit(action.hash, "person"))
        elif self._valid_grant(action.hash, key):
            return Decision(Choice.ALLOW, "approved by a person", Permit(action.hash, "person"))
        return Decision(Choice.ASK, f"the approval policy asks for {kind}")

    def require(self, action: Action, *, run: str = "", task: str = "", key: str = "") -> Permit:
        """The permit, or ApprovalNeeded (the question is then in the journal for `approve`), or ApprovalRefused."""
        decision = self.decide(action, key)
        if decision.permit is not None:
            return decision.permit
        if decision.choice is Choice.DENY:
            raise ApprovalRefused(f"{action.effect}: {decision.reason}")
        self.ask(action, decision.reason, run=run, task=task)
        raise ApprovalNeeded(
            f"{action.effect}: {decision.reason}; to go on: opswright approve {action.hash}", action.hash
        )

    def ask(self, action: Action, reason: str, *, run: str = "", task: str = "") -> None:
        """Puts the question into the journal, once for each run."""
        payload = {"action": as_json(action), "action_hash": action.hash, "reason": reason}
        self._journal.append("approval.asked", payload, run=run, task=task, key=f"asked:{run}:{task}:{action.hash}")

    def confirm(self, action: Action, permit: Permit, key: str, trial: tuple[str, str] | None = None) -> None:
        """The check inside the tool's door: the permit is for this action and still stands; uses a grant up.

        Raises ApprovalRefused.
        """
        if permit.action_hash != action.hash:
            raise ApprovalRefused(f"{action.effect}: the permit is for another action; nothing was done")
        decision = self.decide(action, key, trial)
        if decision.permit is None or decision.permit.granted_by != permit.granted_by:
            raise ApprovalRefused(f"{action.effect}: the permit does not stand ({decision.reason}); nothing was done")
        if action.covers == "task":
            return
        if permit.granted_by == "person" and not self._use_grant(action.hash, key):
            raise ApprovalRefused(f"{action.effect}: the approval was used by another step; nothing was done")

    def granted_after(self, action_hash: str, seq: int) -> bool:
        """Has a person approved this action again after the journal's record `seq`?"""
        return any(grant.seq > seq for grant in self._standing_grants(action_hash))

    def _standing_grants(self, action_hash: str) -> list[Record]:
        granted = [r for r in self._journal.read("approval.granted", task=action_hash) if not self._expired(r)]
        refused = [r.seq for r in self._journal.read("approval.refused", task=action_hash)]
        return [grant for grant in granted if grant.seq > max(refused, default=0)]

    def _covered(self, action: Action, run: str, task: str) -> bool:
        """Has a person approved an action of this run and task whose space holds this one too?"""
        for record in self._journal.read("approval.asked", run=run, task=task):
            if ERASED in record.payload:
                continue
            other = read_action(record.payload["action"])
            if other.covers == "task" and other.coverage == action.coverage:
                grants = self._standing_grants(other.hash)
                if any(one.run == run and one.payload.get("task") == task for one in grants):
                    return True
        return False

    def _expired(self, grant: Record) -> bool:
        return bool(grant.payload["expires"] <= self._clock())

    def _valid_grant(self, action_hash: str, key: str) -> bool:
        return any(self._used_by(grant) in (None, key) for grant in self._standing_grants(action_hash))

    def _used_by(self, grant: Record) -> str | None:
        used = self._journal.find(f"used:{grant.seq}")
        return None if used is None else str(used.payload["key"])

    def _use_grant(self, action_hash: str, key: str) -> bool:
        grants = self._standing_grants(action_hash)
        # The step's own earlier use first, so that a resumed step does not use up a second grant.
        for grant in sorted(grants, key=lambda grant: self._used_by(grant) != key):
            self._journal.append("approval.used", {"key": key}, task=action_hash, key=f"used:{grant.seq}")
            if self._used_by(grant) == key:
                return True
        return False


def _uncoverable(action: Action, trial: tuple[str, str] | None) -> str:
    """Why an action cannot stand for a whole task's; empty where it can, or does not want to."""
    if action.covers == "once":
        return "it states a space and covers itself alone" if action.space else ""
    if trial is None:
        return "what covers a task's trials is for trials alone: an adoption is approved by itself"
    if action.risk is Risk.IRREVERSIBLE:
        return "what cannot be undone is approved one by one"
    return "" if action.in_space else "its arguments lie outside the space that it states"


def asked(journal: Journal, prefix: str, of: tuple[str, str] | None = None) -> Asked:
    """The question about the one action whose hash begins so; `of`: the run and the task whose question is meant.

    Raises InputError: too short, unknown, ambiguous.
    """
    wanted = prefix.strip().lower()
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_PREFIX},64}}", wanted):
        raise InputError(f"give at least the first {SHORTEST_PREFIX} hex digits of the action's hash", "HASH")
    every = (record for record in journal.read("approval.asked") if ERASED not in record.payload)
    matching = [record for record in every if _begins(record, wanted)]
    found = {record.payload["action_hash"]: record for record in matching}
    if not found:
        raise InputError(f"no action with the hash {wanted} is waiting for approval", "HASH")
    if len(found) > 1:
        raise InputError(f"{wanted} begins {len(found)} hashes; give more digits", "HASH")
    record = next(iter(found.values()))
    action = read_action(record.payload["action"])
    if action.covers == "task":  # a grant is one task's: of several that asked, the newest that has none
        grants = [(one.run, one.payload.get("task")) for one in journal.read("approval.granted", task=action.hash)]
        record = next((one for one in reversed(matching) if (one.run, one.task) not in grants), record)
        record = next((one for one in matching if (one.run, one.task) == of), record)
    if action.hash != record.payload["action_hash"]:
        raise InputError("the stored action does not have the hash it was stored under; the journal is damaged", "HASH")
    return Asked(action, str(record.payload["reason"]), record.run, record.at, record.task)


def waiting(journal: Journal) -> list[Asked]:
    """Questions that nobody has answered since they were last asked, oldest first."""
    answered: dict[str, int] = {}
    for kind in ("approval.granted", "approval.refused"):
        for record in journal.read(kind):
            answered[record.task] = max(record.seq, answered.get(record.task, 0))
    found = {
        record.payload["action_hash"]: record
        for record in journal.read("approval.asked")
        if ERASED not in record.payload and record.seq > answered.get(record.payload["action_hash"], 0)
    }
    return [_asked(record) for record in found.values()]


def _asked(record: Record) -> Asked:
    return Asked(read_action(record.payload["action"]), str(record.payload["reason"]), record.run, record.at)


def _begins(record: Record, prefix: str) -> bool:
    return str(record.payload["action_hash"]).startswith(prefix)


def grant(
    journal: Journal,
    prefix: str,
    who: str | None = None,
    *,
    of: tuple[str, str] | None = None,
    lifetime_s: float = GRANT_LIFETIME_S,
    clock: Callable[[], float] = time.time,
) -> Asked:
    """A person's yes to one asked action, for one use (or one task's trials) within `lifetime_s`; returns what was
    approved. `of`: the run and the task whose question was answered, where that is known.
    """
    question = asked(journal, prefix, of)
    payload = {"who": who or whoami(), "expires": clock() + lifetime_s}
    if question.action.covers == "task":
        payload["task"] = question.task
    journal.append("approval.granted", payload, task=question.action.hash, run=question.run)
    return question


def refuse(journal: Journal, prefix: str, who: str | None = None) -> Asked:
    """A person's no: earlier unused grants of the same action fall too."""
    question = asked(journal, prefix)
    journal.append("approval.refused", {"who": who or whoami()}, task=question.action.hash, run=question.run)
    return question


def read_action(value: Json) -> Action:
    """An action from its JSON form. Raises InputError when it is not one."""
    try:
        return Action(
            effect=str(value["effect"]),
            arguments=dict(value["arguments"]),
            risk=Risk(value["risk"]),
            environment=str(value["environment"]),
            preview=str(value["preview"]),
            deadline_s=None if value.get("deadline_s") is None else float(value["deadline_s"]),
            covers="task" if value.get("covers", "once") == "task" else "once",
            space={str(name): list(allowed) for name, allowed in value.get("space", {}).items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not an action: {error}") from error


def whoami() -> str:
    """The account and machine that answer, from the system and not from variables anybody can set."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    return f"{name}@{socket.gethostname()}"
