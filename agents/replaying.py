"""Checks again what a receipt claims, without the live system: its specialist's own code over its untrusted content.

Three things have to fit together: the proposal is the accepted one of the trials in the evidence, the result is what
the specialist makes of these trials, and the specialist's replay of the result holds. A receipt whose result is fine
and whose proposal is another is refused so, and `apply` can go by the proposal.
"""

import json
from collections.abc import Callable, Mapping

from opswright.agents.outcomes import best_trial, until, with_cost
from opswright.agents.ports import Specialist, rejected
from opswright.agents.receipt_form import ReceiptContent
from opswright.errors import InputError
from opswright.nouns import History, Json, Observation, Outcome, Proposal, Tier, Trial, Verdict, as_json, digest

# What code trips over when the values of a receipt do not have the shape it expects.
MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


def replay(ports: Specialist, content: ReceiptContent) -> Verdict:
    """Rejected when anything does not fit; the result is compared only where the same version made it."""
    if ports.version == content.version:
        derived = guarded(lambda: _derive(ports, content))
        if not derived.accepted:
            return derived
    return guarded(lambda: ports.replayer.replay(content.task, content.result, content.evidence))


def guarded(check: Callable[[], Verdict]) -> Verdict:
    """A specialist's verdict on a receipt's values, which may not have the shape its code expects."""
    try:
        return check()
    except InputError as error:
        return rejected(f"its content is refused: {error}")
    except MISSHAPEN as error:
        return rejected(f"its content does not have the form its specialist writes ({type(error).__name__}: {error})")


def _derive(ports: Specialist, content: ReceiptContent) -> Verdict:
    history = _history(content.evidence)
    best = best_trial(history)
    if best is None or best.verdict is None:
        return rejected("none of the trials in its evidence was accepted")
    if digest(as_json(best.proposal)) != digest(as_json(content.proposal)):
        return rejected("its proposal is not the accepted one of its trials")
    if digest(as_json(best.verdict)) != digest(as_json(content.verdict)):
        return rejected("its verdict is not that of its accepted trial")
    result = ports.adopter.result(content.task, until(history, best), best.verdict)
    result = with_cost(result, best.proposal.tier, content.usage)
    if digest(json.loads(json.dumps(result, default=dict))) != digest(content.result):
        return rejected("its result is not what its trials make")
    return Verdict(Outcome.ACCEPTED, "the result follows from its trials")


def _history(evidence: Mapping[str, Json]) -> History:
    return tuple(_trial(trial) for trial in evidence["trials"])


def _trial(value: Mapping[str, Json]) -> Trial:
    proposal, seen = value["proposal"], value["observation"]
    return Trial(
        Proposal(Tier(proposal["tier"]), proposal["content"], str(proposal["reason"])),
        _verdict(value["precheck"]),
        None if seen is None else Observation(str(seen["proposal_id"]), dict(seen["values"]), float(seen["seconds"])),
        None if value["verdict"] is None else _verdict(value["verdict"]),
    )


def _verdict(value: Mapping[str, Json]) -> Verdict:
    return Verdict(Outcome(value["outcome"]), str(value["reason"]), dict(value["evidence"]))
