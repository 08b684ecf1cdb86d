"""Judges one repaired policy of a headline case, without the repair's help: evaluator, engine, and drawn requests."""

from dataclasses import dataclass
from random import Random

from opswright.evals.policy.cases import HeadlineCase
from opswright.evals.policy.drawing.free import FreeSampler
from opswright.evals.policy.equality import gained
from opswright.evals.policy.halves import Labelled
from opswright.evals.policy.scoring import edits, judged, required, right
from opswright.nouns import Json
from opswright.tools.iam.actions import ActionDatabase
from opswright.tools.iam.compare import beyond
from opswright.tools.iam.document import Policy, Request
from opswright.tools.iam.parser import policy_from_value

SAMPLES = 400  # requests drawn near the policies, to catch a wrong proof of "never wider"


@dataclass(frozen=True)
class Reach:
    """Whether a policy reaches past others: None where the engine is undecided. `by`: what found the witness."""

    found: bool | None
    witness: Request | None = None
    by: str = "engine"


def judge(case: HeadlineCase, value: Json, actions: ActionDatabase, seed: int) -> Json:
    """All scores of one repaired document, as a JSON object."""
    repaired, true, faulty = policy_from_value(value), case.document.policy, policy_from_value(case.faulty)
    over, over_witness = gained(repaired, true, actions)
    under, under_witness = gained(true, repaired, actions)
    wider = reach(
        repaired, [faulty, required(case.given, [faulty, repaired])], actions, Random(f"wider/{seed}/{case.id}")
    )
    contradiction = None
    if over is False and under is False:
        contradiction = _difference(repaired, true, actions, Random(f"equal/{seed}/{case.id}"))
    distance = edits(case.faulty, value)
    equivalent, held = over is False and under is False and contradiction is None, right(repaired, case.held)
    return {
        "passed": equivalent,
        "score": held / len(case.held) if case.held else 0.0,
        "given": [right(repaired, case.given), len(case.given)],
        "held": [held, len(case.held)],
        "held_fault": _of_region(repaired, case.held),
        "over": over,
        "over_witness": request_json(over_witness),
        "under": under,
        "under_witness": request_json(under_witness),
        "equivalent": equivalent,
        "contradicted_by": request_json(contradiction),
        "wider": wider.found,
        "wider_witness": request_json(wider.witness),
        "wider_by": wider.by,
        "statements": distance.statements,
        "elements": distance.elements,
    }


def reach(new: Policy, olds: list[Policy], actions: ActionDatabase, rng: Random) -> Reach:
    """Whether `new` allows anything that none of `olds` does: the engine's answer, then requests drawn against it."""
    found = beyond(new, olds)
    if found.new_access:
        return Reach(True, found.witness)
    for request in FreeSampler([new, *olds], actions, rng).sample(SAMPLES):
        if judged(new, request) and not any(judged(old, request) for old in olds):
            return Reach(
                True, request, "sample, against the engine's answer" if found.new_access is False else "sample"
            )
    return Reach(found.new_access)


def _difference(one: Policy, other: Policy, actions: ActionDatabase, rng: Random) -> Request | None:
    """A drawn request for a known action on which two policies differ: it would show a proof of equality wrong."""
    drawn = FreeSampler([one, other], actions, rng).sample(SAMPLES)
    known = (request for request in drawn if actions.knows(request.action))
    return next((request for request in known if judged(one, request) is not judged(other, request)), None)


def request_json(request: Request | None) -> Json:
    """A request for a result file."""
    if request is None:
        return None
    value: dict[str, Json] = {"action": request.action, "resource": request.resource}
    if request.principal is not None:
        value["principal"] = request.principal
    return value | (
        {"context": {key: list(given) for key, given in request.context.items()}} if request.context else {}
    )


def _of_region(policy: Policy, held: tuple[Labelled, ...]) -> list[int]:
    """Held-back requests that the faulty policy judges wrongly: right now, and in all."""
    wrong_before = [labelled for labelled in held if labelled.region == "fault"]
    return [right(policy, wrong_before), len(wrong_before)]
