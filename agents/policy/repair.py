"""The solver: repairs a policy so that it meets a specification, without a model, and proves what it returns.

Strict (the default): all requests met and nothing allowed beyond the original and what the specification requires; of
such repairs the one with the fewest statements edited, then fewest elements, least permissive, shortest.
With `generalise`: the fewest and likeliest slips that explain every request are put right, as far as `may:` goes (or,
without `may:`, as far as the original's own text suggests), and all new access is listed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from opswright.agents.policy.changes import Changes, changes, new_grants, size_warnings
from opswright.agents.policy.draft import Draft
from opswright.agents.policy.evidence import Evidence
from opswright.agents.policy.proofs import Judgement, judge, request_json
from opswright.agents.policy.search import Limits, search
from opswright.agents.policy.setting import Setting
from opswright.agents.policy.strict import strict_candidates
from opswright.agents.policy.value import policy_value
from opswright.errors import InputError
from opswright.nouns import Json, Outcome, canonical_json
from opswright.tools.iam.compare import new_access
from opswright.tools.iam.document import Policy, Request, Statement
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.rewrite import rewrite
from opswright.tools.iam.spec import Spec, contradictions

TIED = 0.6  # repairs this close in cost are equally likely
LAST = 100.0  # the cost of the exact patch: anything that explains the requests goes before it


@dataclass(frozen=True)
class Options:
    """`favoured`: texts from memory that break ties. `rounds`: how often a refuted bound's witness may be learned from."""

    generalise: bool = False
    favoured: frozenset[str] = field(default_factory=frozenset)
    limits: Limits = field(default_factory=Limits)
    alternatives: int = 3
    rounds: int = 4
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
    """What came out. `best` None: nothing was found or proved, `reason` says why.

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


def repair(policy: Policy, spec: Spec, options: Options | None = None) -> Repair:
    """Repairs the policy. Raises InputError when the specification contradicts itself (the ids are named)."""
    began = time.perf_counter()
    options = options or Options()
    check_consistent(spec)
    setting = Setting.of(policy, spec, options.favoured)
    found, reason = _solve(setting, spec, options)
    if not found:
        outcome = Outcome.UNDECIDED if reason else Outcome.REJECTED
        return Repair(
            outcome,
            reason or "no repair was found",
            policy,
            spec,
            None,
            policy.source,
            Changes(0, 0),
            seconds=time.perf_counter() - began,
        )
    return finished(setting, spec, options, found, began)


def check_consistent(spec: Spec) -> None:
    """Raises InputError naming the ids when the specification contradicts itself."""
    against = contradictions(spec)
    if against:
        more = f" (and {len(against) - 3} more)" if len(against) > 3 else ""
        raise InputError(f"the specification contradicts itself: {'; '.join(against[:3])}{more}", "spec")


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
    if policy.source:
        return rewrite(policy.source, value)
    import json

    return json.dumps(value, indent=4, ensure_ascii=False) + "\n"


def _solve(setting: Setting, spec: Spec, options: Options) -> tuple[list[Candidate], str]:
    """Accepted candidates, best first; and why the best of the others was not accepted."""
    wanted = [(item.request, item.effect == "allow") for item in spec.requests]
    reason = ""
    for _ in range(options.rounds):
        learned: list[tuple[Request, bool]] = []
        found: list[Candidate] = []
        seen: set[str] = set()
        for tried, (cost, make) in enumerate(_candidates(setting, wanted, spec, options)):
            if found and (not options.generalise or cost > found[0].cost + TIED):
                break
            candidate = make()
            if candidate is None:
                continue
            key = canonical_json(candidate.value)
            if key in seen:
                continue
            seen.add(key)
            if candidate.judgement.outcome is Outcome.ACCEPTED:
                found.append(candidate)
            else:
                reason = candidate.judgement.reason
                learned += _lessons(candidate, wanted)
            if len(found) > options.alternatives or tried > options.tries:
                break
        if found or not learned:
            return found, reason
        wanted = [*wanted, *learned[:4]]
    return [], reason


def _lessons(candidate: Candidate, wanted: Sequence[tuple[Request, bool]]) -> list[tuple[Request, bool]]:
    """Witnesses against never, always and may, as further requests with the outcome they should have."""
    known = {repr(request) for request, _ in wanted}
    found = []
    for claim in candidate.judgement.claims:
        if claim.holds is False and claim.witness is not None and repr(claim.witness) not in known:
            found.append((claim.witness, not decide(candidate.policy, claim.witness).allowed))
    return found


Maker = Callable[[], Candidate | None]


def _candidates(
    setting: Setting, wanted: Sequence[tuple[Request, bool]], spec: Spec, options: Options
) -> Iterator[tuple[float, Maker]]:
    """Candidates, best first: the cost, and a function that makes and proves one."""
    if options.generalise:
        for draft in _generalised(setting, wanted, options):
            notes = tuple(_note(edit.slot, edit.kind, edit.note) for edit in draft.edits)
            yield draft.cost, partial(_candidate, setting, spec, draft.statements(), True, notes, draft.cost)
    for statements in strict_candidates(setting, wanted, options.limits):
        yield LAST, partial(_candidate, setting, spec, statements, options.generalise, (), LAST)


def _generalised(setting: Setting, wanted: Sequence[tuple[Request, bool]], options: Options) -> list[Draft]:
    evidence = Evidence(setting.policy, wanted)
    return search(Draft.of(evidence, setting.policy), setting, options.limits)


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
