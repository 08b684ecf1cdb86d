"""The solver: repairs a policy so that it meets a specification, without a model, and proves what it returns.

Strict (the default): all requests met and nothing allowed beyond the original and what the specification requires; of
such repairs the one with the fewest statements edited, then fewest elements, least permissive, shortest.
With `generalise`: the fewest and likeliest slips that explain every request are put right, as far as `may:` goes (or,
without `may:`, as far as the original's own text suggests), and all new access is listed.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from opswright.agents.policy.changes import Changes, changes, new_grants, size_warnings
from opswright.agents.policy.draft import Draft
from opswright.agents.policy.evidence import Evidence
from opswright.agents.policy.points import pattern_statement
from opswright.agents.policy.proofs import Judgement, judge, request_json
from opswright.agents.policy.search import Limits, search
from opswright.agents.policy.setting import Setting
from opswright.agents.policy.strict import strict_candidates
from opswright.agents.policy.value import in_order, policy_value
from opswright.errors import InputError
from opswright.nouns import Json, Outcome, canonical_json
from opswright.tools.iam.compare import covers, new_access, reaches
from opswright.tools.iam.document import Effect, Policy, PrincipalEntry, Request, Statement
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.rewrite import rewrite
from opswright.tools.iam.spec import Spec, contradictions

TIED = 0.6  # repairs this close in cost are equally likely
FLOOR_TRIES = 60  # the floor stands behind every nicer way, so it is not given up after a few
LAST = 100.0  # the cost of the exact patch: anything that explains the requests goes before it


@dataclass(frozen=True)
class Options:
    """`favoured`: texts from memory that break ties. `rounds`: how often witnesses of refusals are learned from."""

    generalise: bool = False
    favoured: frozenset[str] = field(default_factory=frozenset)
    limits: Limits = field(default_factory=Limits)
    alternatives: int = 3
    rounds: int = 3
    tries: int = 8


@dataclass(frozen=True)
class Candidate:
    """A repaired policy with its verdict. `notes`: the slips put right, a line each; `cost`: how unlikely they are."""

    policy: Policy
    value: Json
    judgement: Judgement
    notes: tuple[str, ...] = ()
    cost: float = 0.0


@dataclass(frozen=True)
class Repair:
    """What came out. `best` None: nothing was found or proved, `reason` says why and `refused` is what came nearest.

    `alternatives`: other repairs that explain the requests as well but mean something else, with a request that tells
    them apart.
    """

    outcome: Outcome
    reason: str
    original: Policy
    spec: Spec
    best: Candidate | None
    text: str
    changes: Changes
    new_access: tuple[dict[str, Json], ...] = ()
    alternatives: tuple[tuple[Candidate, Request], ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    refused: Candidate | None = None


def repair(policy: Policy, spec: Spec, options: Options | None = None) -> Repair:
    """Repairs the policy. Raises InputError when the specification contradicts itself (the ids are named)."""
    began = time.perf_counter()
    options = options or Options()
    check_consistent(spec)
    setting = Setting.of(policy, spec, options.favoured)
    found, refused = _solve(setting, spec, options)
    if found:
        return finished(setting, spec, options, found, began)
    outcome = refused.judgement.outcome if refused else Outcome.REJECTED
    reason = refused.judgement.reason if refused else _why_none(setting, spec)
    seconds = time.perf_counter() - began
    return Repair(outcome, reason, policy, spec, None, policy.source, Changes(0, 0), seconds=seconds, refused=refused)


def _why_none(setting: Setting, spec: Spec) -> str:
    nameless = [item.id for item in spec.requests if item.effect == "allow" and item.request.principal is None]
    if setting.resource_based and not setting.grantee and nameless:
        return f"no statement says whom to allow; give the request {nameless[0]} a principal"
    return "no repair was found"


def check_consistent(spec: Spec, where: str = "specification") -> None:
    """Raises InputError naming the ids when the specification contradicts itself. `where`: its file."""
    against = contradictions(spec)
    if against:
        more = f" (and {len(against) - 3} more)" if len(against) > 3 else ""
        raise InputError(f"contradicts itself: {'; '.join(against[:3])}{more}", where)


def finished(setting: Setting, spec: Spec, options: Options, found: Sequence[Candidate], began: float) -> Repair:
    """The result for accepted candidates, best first."""
    best = found[0]
    policy = setting.policy
    return Repair(
        Outcome.ACCEPTED,
        best.judgement.reason,
        policy,
        spec,
        best,
        written(policy, best.value),
        changes(policy, best.policy),
        tuple(new_grants(policy, best.policy)) if options.generalise and best.judgement.widened else (),
        tuple(_told_apart(found)),
        tuple(size_warnings(best.value, setting.resource_based)),
        time.perf_counter() - began,
    )


def written(policy: Policy, value: Json) -> str:
    """The new value as text, in the original's layout where there is a source."""
    value = in_order(value)
    if policy.source:
        return rewrite(policy.source, value)
    return json.dumps(value, indent=4, ensure_ascii=False) + "\n"


Wanted = Sequence[tuple[Request, bool]]


def _solve(setting: Setting, spec: Spec, options: Options) -> tuple[list[Candidate], Candidate | None]:
    """Accepted candidates, best first; and the first that was refused, which tells why there are none.

    A refused candidate teaches: the witness against it is a further request, for some rounds. What is left then is the
    floor: the plainest strict repair, and the bounds themselves written as statements.
    """
    wanted = [(item.request, item.effect == "allow") for item in spec.requests]
    learning = list(wanted)
    refused: Candidate | None = None
    for _ in range(options.rounds):
        source = _generalised if options.generalise else _strict
        found, against = _accepted(source(setting, learning, spec, options), options)
        refused = refused or next(iter(against), None)
        lessons = [lesson for candidate in against for lesson in _lessons(candidate, learning)]
        if found or not lessons:
            break
        learning += lessons[:4]
    if not found:
        floor = partial(strict_candidates, setting, wanted, options.limits)
        makers = (_maker(setting, spec, options, one) for extra in _floors(setting, spec) for one in floor(extra))
        found, against = _accepted(makers, replace(options, tries=FLOOR_TRIES))
        refused = refused or next(iter(against), None)
    return found, refused


def _accepted(makers: Iterable["Offer"], options: Options) -> tuple[list[Candidate], list[Candidate]]:
    """The accepted and the refused of the candidates, as far as it is worth looking."""
    found: list[Candidate] = []
    against: list[Candidate] = []
    seen: set[str] = set()
    for cost, make in makers:
        if found and (not options.generalise or cost > found[0].cost + TIED or len(found) > options.alternatives):
            break
        if len(against) > options.tries:
            break
        candidate = make()
        key = canonical_json(candidate.value) if candidate else ""
        if candidate is not None and key not in seen:
            seen.add(key)
            (found if candidate.judgement.outcome is Outcome.ACCEPTED else against).append(candidate)
    return found, against


def _floors(setting: Setting, spec: Spec) -> Iterator[list[Statement]]:
    """Nothing; then a Deny for every `never` that the original reaches and an Allow for every `always` it misses."""
    yield []
    made = []
    for pattern in spec.never:
        statement = pattern_statement(pattern, setting.principals)
        if statement is not None and reaches(setting.policy, pattern).new_access is not False:
            everybody = setting.resource_based and statement.principals is None
            named = (PrincipalEntry("*", "*"),) if everybody else statement.principals
            made.append(replace(statement, effect=Effect.DENY, principals=named))
    for pattern in spec.always:
        statement = pattern_statement(pattern, setting.principals)
        if statement is not None and covers(setting.policy, pattern).new_access is not True:
            everybody = setting.resource_based and statement.principals is None
            made.append(replace(statement, principals=(PrincipalEntry("*", "*"),)) if everybody else statement)
    if made:
        yield made


def _lessons(candidate: Candidate, wanted: Wanted) -> list[tuple[Request, bool]]:
    """Witnesses against never, always and may, as further requests with the outcome they should have."""
    known = {repr(request) for request, _ in wanted}
    found = []
    for claim in candidate.judgement.claims:
        if claim.holds is False and claim.witness is not None and repr(claim.witness) not in known:
            found.append((claim.witness, not decide(candidate.policy, claim.witness).allowed))
    return found


Offer = tuple[float, Callable[[], Candidate | None]]  # a cost, and what makes and proves the candidate


def _generalised(setting: Setting, wanted: Wanted, spec: Spec, options: Options) -> Iterator[Offer]:
    evidence = Evidence(setting.policy, wanted)
    for draft in search(Draft.of(evidence, setting.policy), setting, options.limits):
        notes = tuple(_note(edit.slot, edit.kind, edit.note) for edit in draft.edits)
        yield draft.cost, partial(_candidate, setting, spec, draft.statements(), True, notes, draft.cost)


def _strict(setting: Setting, wanted: Wanted, spec: Spec, options: Options) -> Iterator[Offer]:
    for statements in strict_candidates(setting, wanted, options.limits):
        yield _maker(setting, spec, options, statements)


def _maker(setting: Setting, spec: Spec, options: Options, statements: Sequence[Statement]) -> Offer:
    return LAST, partial(_candidate, setting, spec, statements, options.generalise, (), LAST)


def _note(slot: int | None, kind: str, note: str) -> str:
    where = "new statement" if slot is None else f"statement {slot + 1}"
    return f"{where}: {note} ({kind})"


def _candidate(
    setting: Setting, spec: Spec, statements: Sequence[Statement], generalise: bool, notes: tuple[str, ...], cost: float
) -> Candidate | None:
    """The statements as a document, parsed again and judged; None when AWS would not take it."""
    value = policy_value(setting.policy, statements)
    try:
        policy = policy_from_value(value)
    except InputError:
        return None
    return Candidate(policy, value, judge(setting, spec, policy, generalise), notes, cost)


def _told_apart(found: Sequence[Candidate]) -> Iterator[tuple[Candidate, Request]]:
    """Candidates nearly as likely as the best that mean something else, each with a request on which they differ."""
    best = found[0]
    for other in found[1:]:
        if other.cost > best.cost + TIED:
            continue
        for new, old in ((other.policy, best.policy), (best.policy, other.policy)):
            witness = new_access(new, old).witness
            if witness is not None:
                yield other, witness
                break


__all__ = ["Candidate", "Options", "Repair", "check_consistent", "finished", "repair", "request_json", "written"]
