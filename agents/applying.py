"""Adopting later what a receipt shows: `opswright apply RECEIPT`.

The receipt is untrusted: it is verified and replayed first, and the actions are made again from its task and proposal
by the specialist, never taken from the file. They go through the same gate and the same performer as in a run.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opswright.agents.gates import authorise
from opswright.agents.performer import Workshop
from opswright.agents.ports import Specialist
from opswright.agents.receipts import Receipt, Verification, adopting, written_key
from opswright.agents.replaying import MISSHAPEN, guarded
from opswright.errors import ApprovalNeeded, ApprovalRefused, InputError, ReceiptError, ToolFailed
from opswright.knowledge.journal import Journal
from opswright.nouns import Action, Json, Outcome, Permit, Risk, Verdict

STAGE = "adoption"


@dataclass(frozen=True)
class Applied:
    """What came of it. `results`: one for each action; empty when everything was there already."""

    receipt: Receipt
    actions: tuple[Action, ...]
    results: tuple[Json, ...]
    verdict: Verdict

    @property
    def already(self) -> bool:
        return not self.results


def vouched_for(receipt: Receipt, journal: Journal, trusted: Sequence[str]) -> bool:
    """Did this journal's own runs write it, or a key of `trusted` sign it?

    Anybody can write a sound receipt for a file of their choice, so --yes answers for those that are vouched for alone.
    """
    return receipt.signed_by in trusted or journal.find(written_key(receipt.digest)) is not None


def applied_runs(journal: Journal, run: str) -> tuple[str, ...]:
    """The runs under which receipts of a run were applied later."""
    keys = [str(record.key) for record in journal.read(kind="receipt", run=run)]
    names = {_run_name(key.removeprefix(written_key(""))[:16]) for key in keys}
    if not names:
        return ()
    found = {head.run for head in journal.newest("effect.begun") if head.run.rpartition("-")[0] in names}
    return tuple(sorted(found))


def asked_under(journal: Journal, run: str) -> tuple[str, ...]:
    """The tasks under which `apply` asked about receipts of a run."""
    keys = [str(record.key) for record in journal.read(kind="receipt", run=run)]
    return tuple(_run_name(key.removeprefix(written_key(""))[:16]) for key in keys)


def _run_name(receipt_id: str) -> str:
    return f"apply-{receipt_id}"


def planned(verification: Verification, specialist: Specialist) -> tuple[Action, ...]:
    """The actions that adopt a receipt's result, made by the specialist; their previews are what a person reads.

    Raises ReceiptError when the receipt does not hold, has nothing to adopt, or names other actions; InputError when
    the world is not any more what the task was about.
    """
    _check_holds(verification, specialist)
    receipt = verification.receipt
    actions = _actions(receipt, specialist)
    stated = {action.hash for action in receipt.content.adoption}
    if stated and stated != {action.hash for action in actions}:
        raise ReceiptError(
            "names other actions than its result calls for now; what it would change was changed since",
            str(receipt.path),
        )
    return actions


def _check_holds(verification: Verification, specialist: Specialist) -> None:
    if verification.replay is None or verification.outcome is not Outcome.ACCEPTED:
        reason = "it was not replayed" if verification.replay is None else verification.replay.reason
        raise ReceiptError(f"does not hold, so it is not applied: {reason}", str(verification.receipt.path))
    made_by = verification.receipt.content.version
    if made_by != specialist.version:  # then the replay could not compare the result with its trials
        reason = f"was made by version {made_by} of its validator, this is {specialist.version}; do the task again"
        raise ReceiptError(reason, str(verification.receipt.path))


def _actions(receipt: Receipt, specialist: Specialist) -> tuple[Action, ...]:
    try:
        actions = tuple(specialist.adopter.adoption(adopting(receipt.content.task), receipt.content.proposal))
    except MISSHAPEN as error:
        reason = f"does not have the form its specialist writes ({type(error).__name__}: {error})"
        raise ReceiptError(reason, str(receipt.path)) from error
    if not actions:
        raise ReceiptError("has nothing to apply", str(receipt.path))
    return actions


def _there_already(receipt: Receipt, specialist: Specialist) -> Verdict | None:
    """The specialist's word that the world is as the receipt says; None when it is not."""
    try:
        _actions(receipt, specialist)
    except ReceiptError:
        raise
    except InputError:  # what it would change was changed since, perhaps by this very result
        pass
    verdict = _verified(receipt, specialist)
    return verdict if verdict.accepted else None


def apply_receipt(
    verification: Verification,
    specialist: Specialist,
    declared: Mapping[str, Risk],
    workshop: Workshop,
    show: Callable[[Action], None] = lambda action: None,
) -> Applied:
    """Performs them all or none. `declared`: the effects in the specialist's manifest; `show`: called before asking.

    Raises ReceiptError, ApprovalNeeded, ApprovalRefused, ToolFailed (all undone), InputError.
    """
    receipt = verification.receipt
    _check_holds(verification, specialist)
    there = _there_already(receipt, specialist)
    if there is not None:
        return Applied(receipt, (), (), there)
    actions = planned(verification, specialist)
    for action in actions:
        show(action)
    run, task = f"{_run_name(receipt.id)}-{secrets.token_hex(4)}", receipt.content.task.id
    permits = _permits(workshop, actions, declared, run, task)
    performer = workshop.scope(run, task, STAGE)
    kept = False
    try:
        results = tuple(performer.perform(action, permits[action.hash]) for action in actions)
        verdict = _verified(receipt, specialist)
        if not verdict.accepted:
            raise ToolFailed(f"after applying it, it is not what was accepted ({verdict.reason}); it was undone")
        performer.keep()
        kept = True
    finally:
        if not kept:
            performer.revert()
    return Applied(receipt, actions, results, verdict)


def _verified(receipt: Receipt, specialist: Specialist) -> Verdict:
    return guarded(lambda: specialist.adopter.verify(adopting(receipt.content.task), receipt.content.proposal))


def _permits(
    workshop: Workshop, actions: tuple[Action, ...], declared: Mapping[str, Risk], run: str, task: str
) -> Mapping[str, Permit]:
    gate = authorise(actions, declared, lambda action: workshop.decide(action, run, task, STAGE))
    if gate.refused:
        raise ApprovalRefused(gate.refused)
    for action, reason in gate.pending:
        # No run to resume: `apply` again goes on. The task is the receipt's, by which it is found to be deleted.
        workshop.approvals.ask(action, reason, task=run.rpartition("-")[0])
    if gate.pending:
        action, reason = gate.pending[0]
        hashes = " ".join(waiting.hash for waiting, _ in gate.pending)
        raise ApprovalNeeded(f"{action.effect}: {reason}; approve {hashes} and apply again", action.hash)
    return gate.permits
