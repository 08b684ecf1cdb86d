"""One headline case: a real policy, its faulty version, labelled requests, and what a user would say of its scope.

Requests. Each half (given and held back, drawn one after the other by the same procedure, no request twice) has
HALF = 24 requests: a third that the faulty policy judges wrongly, shared out among the faults; a third near the faults
that it judges rightly; a third from anywhere in the true policy. Twenty-four, because a fault shows itself in about six
requests (two that lost access, two that gained it, two near misses) and a case has up to three, and six more say what
must stay. Allowed and denied are balanced as far as the policy lets them be; each is a quarter at least. Labels come
from the true policy alone.

Envelope. `may` names the services of which the true policy allows actions, each with any resource: what the owner
of a policy knows without looking at it. It says nothing of names, accounts, conditions or principals. A policy that
allows by `*` or NotAction has no such list, and its envelope is everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from opswright.errors import InputError
from opswright.evals.policy.corpus import Corpora, Document
from opswright.evals.policy.drawing.realistic import Place, RequestSource
from opswright.evals.policy.equality import differ, known_part
from opswright.evals.policy.faults import KINDS, Fault, inject, with_faults
from opswright.evals.policy.faults.statement import Kind
from opswright.evals.policy.halves import HALF, Halves, Labelled
from opswright.nouns import Json
from opswright.tools.iam.actions import ActionDatabase
from opswright.tools.iam.document import Effect, Policy
from opswright.tools.iam.parser import policy_from_value

ATTEMPTS = 200  # documents in which the kinds apply that are tried before a case is given up
LOOKED_AT = 2000  # documents looked at before that
LEAST = HALF // 4  # allowed, and denied, requests in a half
DOES_NOT_APPLY = "kind does not apply"


@dataclass(frozen=True)
class HeadlineCase:
    """All of one case. `discarded` counts what was tried and thrown away, by reason."""

    id: str
    document: Document
    faults: tuple[Fault, ...]
    faulty: Json
    given: tuple[Labelled, ...]
    held: tuple[Labelled, ...]
    may: tuple[str, ...]
    discarded: dict[str, int] = field(default_factory=dict)

    @property
    def spec(self) -> Json:
        """The specification a user would write: the given requests and the envelope."""
        requests = [request_value(f"g{at:02}", labelled) for at, labelled in enumerate(self.given, 1)]
        return {"requests": requests, "may": [{"action": action, "resource": "*"} for action in self.may]}


class NoCase(Exception):
    """No document gave a case within the attempts."""

    def __init__(self, discarded: dict[str, int]) -> None:
        super().__init__(f"no case found; discarded {discarded}")
        self.discarded = discarded


def request_value(id: str, labelled: Labelled) -> Json:
    """A labelled request in the spec's format."""
    request = labelled.request
    value: dict[str, Json] = {"id": id, "effect": "allow" if labelled.allow else "deny"}
    value |= {"action": request.action, "resource": request.resource}
    if request.principal is not None:
        value["principal"] = request.principal
    if request.context:
        value["context"] = {k: v[0] if len(v) == 1 else list(v) for k, v in sorted(request.context.items())}
    return value


def build_case(seed: int, index: int, corpora: Corpora, actions: ActionDatabase) -> HeadlineCase:
    """Case `index` of a seed: 1 + index mod 3 faults, the first one's kind taken in turn.

    Where no document gives such a case (some kinds fit few documents), the next kind in turn leads; `discarded` says
    so. Raises NoCase after three kinds.
    """
    rng = Random(f"headline/{seed}/{index}")
    discarded: dict[str, int] = {}
    for turn in range(3):
        lead = _kind_in_turn(seed, index + turn)
        found = _found(lead, 1 + index % 3, corpora, actions, rng, discarded)
        if found is not None:
            document, parts = found
            may = envelope(document.policy)
            return HeadlineCase(f"{index:04}", document, *parts, may=may, discarded=discarded)
        discarded[f"no case led by {lead.name}"] = 1
    raise NoCase(discarded)


def _found(
    lead: Kind, count: int, corpora: Corpora, actions: ActionDatabase, rng: Random, discarded: dict[str, int]
) -> "tuple[Document, Found] | None":
    """A document with `count` faults, one of them of kind `lead`, and its requests."""
    attempts = 0
    for _ in range(LOOKED_AT):
        document = rng.choice(corpora.documents(rng.choice(corpora.names)))
        parts = _try(document, lead, count, rng, actions)
        if not isinstance(parts, str):
            return document, parts
        discarded[parts] = discarded.get(parts, 0) + 1
        attempts += parts != DOES_NOT_APPLY
        if attempts >= ATTEMPTS:
            return None
    return None


def envelope(policy: Policy) -> tuple[str, ...]:
    """The services of which a policy allows actions, as `service:*`; `*` where it allows by `*` or NotAction."""
    services = set()
    for statement in policy.statements:
        if statement.effect is Effect.DENY:
            continue
        names = {entry.text.split(":", 1)[0].lower() for entry in statement.actions if ":" in entry.text}
        if statement.not_action or len(names) == 0 or any("*" in name for name in names):
            return ("*",)
        services |= names
    return tuple(f"{service}:*" for service in sorted(services)) or ("*",)


def _kind_in_turn(seed: int, index: int) -> Kind:
    order = list(KINDS)
    Random(f"kinds/{seed}").shuffle(order)
    return order[index % len(order)]


Found = tuple[tuple[Fault, ...], Json, tuple[Labelled, ...], tuple[Labelled, ...]]


def _try(document: Document, lead: Kind, count: int, rng: Random, actions: ActionDatabase) -> Found | str:
    """The parts of a case in one document, or why it has none."""
    faults = _faults(document.value, lead, count, rng, actions)
    if faults is None:
        return DOES_NOT_APPLY
    faulty = with_faults(document.value, faults)
    try:
        policy = policy_from_value(faulty)
        single = [policy_from_value(with_faults(document.value, [fault])) for fault in faults]
    except InputError:
        return "refused by the parser"
    changed = _meaning_changed(document, policy, single, faults, actions)
    if not changed:
        return "engine undecided" if changed is None else "meaning unchanged"
    source = RequestSource([document.policy, policy], actions, rng)
    drawing = Halves(document.policy, policy, single, _focus(document.policy, single, faults), source, rng)
    given = drawing.half()
    if any(not drawing.shown(given, at) for at in range(count)):
        return "fault not visible in real requests"
    held = drawing.half()
    if len(given) < HALF or len(held) < HALF:
        return "too few different requests"
    if any(not LEAST <= sum(one.allow for one in half) <= HALF - LEAST for half in (given, held)):
        return "too few allowed or denied"
    return faults, faulty, given, held


def _faults(policy: Json, lead: Kind, count: int, rng: Random, actions: ActionDatabase) -> tuple[Fault, ...] | None:
    faults: list[Fault] = []
    kinds = [lead, *rng.sample(KINDS, len(KINDS))]
    for kind in kinds:
        if any(fault.kind == kind.name for fault in faults):
            continue
        fault = inject(policy, kind, rng, actions, faults)
        if fault is None and not faults:
            return None
        if fault is not None:
            faults.append(fault)
        if len(faults) == count:
            return tuple(faults)
    return None


def _meaning_changed(
    document: Document, faulty: Policy, single: Sequence[Policy], faults: Sequence[Fault], actions: ActionDatabase
) -> bool | None:
    """Whether the faults together, each alone, and each on top of the others change what the policy means.

    None when the engine cannot tell.
    """
    pairs = [(document.policy, faulty)]
    if len(faults) > 1:
        pairs += [(document.policy, one) for one in single]
        rests = [with_faults(document.value, [other for other in faults if other is not one]) for one in faults]
        pairs += [(faulty, policy_from_value(rest)) for rest in rests]
    undecided = False
    for one, other in pairs:
        changed = differ(known_part(one, actions), known_part(other, actions))
        if changed is False:
            return False
        undecided = undecided or changed is None
    return None if undecided else True


def _focus(true: Policy, single: Sequence[Policy], faults: Sequence[Fault]) -> list[list[Place]]:
    """For each fault the statement it is in, as it should be and as it is (a dropped one only as it should be)."""
    places = []
    for fault, faulty in zip(faults, single, strict=True):
        both = [Place(true, true.statements[fault.index])]
        if fault.after:
            both.append(Place(faulty, faulty.statements[fault.index]))
        places.append(both)
    return places
