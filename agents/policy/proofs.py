"""Judges a repaired policy: every request decided, every bound of the specification proved. Pure.

The solver's finds and the models' proposals pass the same function; so does `opswright verify`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opswright.agents.policy.arn_patterns import mended
from opswright.agents.policy.points import exact_statement, merged, pattern_statement
from opswright.agents.policy.setting import Setting
from opswright.errors import InputError
from opswright.nouns import Json, Outcome
from opswright.tools.iam.compare import Comparison, beyond, covers, reaches
from opswright.tools.iam.document import Effect, Entry, Policy, PrincipalEntry, Request, Statement
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.spec import Spec, SpecRequest


@dataclass(frozen=True)
class Claim:
    """One thing that was to be shown: `holds` None is undecided; `witness` is the concrete request against it."""

    name: str
    holds: bool | None
    reason: str
    witness: Request | None = None
    engine: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Json]:
        return {
            "claim": self.name,
            "holds": self.holds,
            "reason": self.reason,
            "witness": request_json(self.witness) if self.witness else None,
            "engine": self.engine,
        }


@dataclass(frozen=True)
class Judgement:
    """What was shown of a candidate. `widened`: it allows something beyond the original and the specification."""

    claims: tuple[Claim, ...]
    failing: tuple[SpecRequest, ...]
    total: int
    widened: bool | None
    witness: Request | None

    @property
    def outcome(self) -> Outcome:
        """Rejected as soon as one claim is refuted; undecided when one could not be shown."""
        if self.failing or any(claim.holds is False for claim in self.claims):
            return Outcome.REJECTED
        return Outcome.UNDECIDED if any(claim.holds is None for claim in self.claims) else Outcome.ACCEPTED

    @property
    def satisfied(self) -> int:
        return self.total - len(self.failing)

    @property
    def reason(self) -> str:
        """The verdict in a line."""
        if self.failing:
            ids = ", ".join(item.id for item in self.failing[:5])
            return f"{len(self.failing)} of {self.total} requests are not met: {ids}"
        for wanted in (False, None):
            for claim in self.claims:
                if claim.holds is wanted:
                    return f"{claim.name}: {claim.reason}"
        return f"all {self.total} requests are met and every bound is proved"


def request_json(request: Request) -> dict[str, Json]:
    """A request as specifications write it."""
    made: dict[str, Json] = {"action": request.action, "resource": request.resource}
    if request.principal is not None:
        made["principal"] = request.principal
    context = {k: v[0] if len(v) == 1 else list(v) for k, v in sorted(request.context.items()) if v}
    return {**made, "context": context} if context else made


def failing_requests(policy: Policy, spec: Spec) -> tuple[SpecRequest, ...]:
    """The requests of the specification that the policy decides otherwise."""
    return tuple(item for item in spec.requests if outcome(policy, item.request) != (item.effect == "allow"))


def outcome(policy: Policy, request: Request) -> bool | None:
    """Whether the request is allowed; None when AWS leaves it open (several values under an operator for one)."""
    try:
        return decide(policy, request).allowed
    except InputError:
        return None


def required(setting: Setting, spec: Spec) -> Policy:
    """What the specification requires and the original does not give, as a policy of the same Version."""
    original = setting.policy
    asked = [item.request for item in spec.requests if item.effect == "allow"]
    missing = [request for request in asked if not outcome(original, request)]
    points = merged([exact_statement(Effect.ALLOW, request, setting) for request in missing])
    named = (*setting.principals, *(entry for point in points for entry in point.principals or ()))
    patterns = (pattern_statement(pattern, named) for pattern in spec.always)
    return policy_of([*points, *(made for made in patterns if made is not None)], original.version)


def policy_of(statements: Iterable[Statement], version: str) -> Policy:
    """A policy of these statements, numbered from 0."""
    from dataclasses import replace

    return Policy(tuple(replace(statement, index=at) for at, statement in enumerate(statements)), version)


def envelope(setting: Setting, spec: Spec, candidate: Policy) -> Policy:
    """How far a repair may generalise, as a policy: `may`, or what the original's own text suggests.

    Without `may` that is: an action that is required or that the original allows, on a resource that is required or
    that the original names for an Allow (also as a required resource shows it was meant: another account or name, `/*`
    added or left out, but never with more wildcards), by a principal it names or that is required. So a slip of the
    pen can be put right, and no pattern can grow beyond the text.
    """
    if spec.may:
        named = {entry for statement in candidate.statements for entry in statement.principals or ()}
        made = (pattern_statement(pattern, [*setting.principals, *sorted(named, key=str)]) for pattern in spec.may)
        return policy_of([statement for statement in made if statement is not None], "2008-10-17")
    return policy_of(suggested(setting, spec), setting.policy.version)


def suggested(setting: Setting, spec: Spec) -> list[Statement]:
    """The envelope that the original's own text gives."""
    asked = [item.request for item in spec.requests if item.effect == "allow"]
    allows = [s for s in setting.policy.statements if s.effect is Effect.ALLOW]
    actions = [Entry(request.action) for request in asked]
    actions += [entry for statement in allows if not statement.not_action for entry in statement.actions]
    points = [exact_statement(Effect.ALLOW, request, setting) for request in asked]
    resources = [entry for point in points for entry in point.resources or ()]
    named = [entry for s in allows if not s.not_resource for entry in s.resources or ()]
    resources += [*named, *(Entry(text) for entry in named for text in _meant(entry.text, asked, setting))]
    principals: list[PrincipalEntry] = []
    for statement in (*points, *(s for s in allows if not s.not_principal)):
        principals += statement.principals or ()
    if not actions or not resources:
        return []
    return [
        Statement(
            0,
            Effect.ALLOW,
            tuple(dict.fromkeys(actions)),
            resources=tuple(dict.fromkeys(resources)),
            principals=tuple(dict.fromkeys(principals)) or None,
        )
    ]


def _meant(text: str, asked: Sequence[Request], setting: Setting) -> Iterator[str]:
    """What a resource entry may have been meant to be, given the required resources; no wildcard more, but for `/*`."""
    for resource in dict.fromkeys(request.resource for request in asked):
        for guess in mended(text, [resource], setting.style):
            (made,) = guess.texts
            if made.count("*") <= text.count("*") or made == f"{text}/*":
                yield made


def judge(setting: Setting, spec: Spec, candidate: Policy, generalise: bool) -> Judgement:
    """Decides every request and proves every bound of the specification on the candidate."""
    failing = failing_requests(candidate, spec)
    total = len(spec.requests)
    if failing:
        return Judgement((), failing, total, None, None)
    claims = list(bound_claims(candidate, spec))
    if any(claim.holds is False for claim in claims):
        return Judgement(tuple(claims), (), total, None, None)
    floor = [setting.policy, required(setting, spec)]
    past = beyond(candidate, floor)
    if generalise and past.new_access is not False:
        inside = beyond(candidate, [*floor, envelope(setting, spec, candidate)])
        name = "nothing beyond the original, the specification and what it may grow to"
        claims.append(_claim(name, inside, refuted=True))
    else:
        claims.append(_claim("nothing beyond the original and the specification", past, refuted=True))
    return Judgement(tuple(claims), (), total, past.new_access, past.witness)


def bound_claims(candidate: Policy, spec: Spec) -> Iterator[Claim]:
    """The specification's never and always, each proved, refuted by a request, or undecided."""
    for number, pattern in enumerate(spec.never, 1):
        yield _claim(f"never {number} ({pattern})", reaches(candidate, pattern), refuted=True)
    for number, pattern in enumerate(spec.always, 1):
        yield _claim(f"always {number} ({pattern})", covers(candidate, pattern), refuted=False)


def _claim(name: str, comparison: Comparison, refuted: bool) -> Claim:
    """`refuted`: the value of the comparison's answer that refutes the claim."""
    answer = comparison.new_access
    holds = None if answer is None else answer is not refuted
    return Claim(name, holds, comparison.reason, comparison.witness, comparison.engine, comparison.seconds)


def counterexamples(judgement: Judgement, candidate: Policy) -> list[dict[str, Json]]:
    """What a proposer should see of a rejection: concrete requests, each with what was wanted."""
    shown: list[dict[str, Json]] = [
        {
            **request_json(item.request),
            "id": item.id,
            "wanted": item.effect,
            "got": _said(candidate, item.request),
        }
        for item in judgement.failing
    ]
    for claim in judgement.claims:
        if claim.holds is False and claim.witness is not None:
            allowed = decide(candidate, claim.witness).allowed
            wanted = "deny" if allowed else "allow"
            shown.append({**request_json(claim.witness), "wanted": wanted, "because": claim.name})
    return shown


def _said(policy: Policy, request: Request) -> str:
    found = outcome(policy, request)
    return "undecidable" if found is None else "allow" if found else "deny"


def failing_json(failing: Sequence[SpecRequest]) -> list[Mapping[str, Json]]:
    """Failing requests as JSON."""
    return [{"id": item.id, "effect": item.effect, **request_json(item.request)} for item in failing]
