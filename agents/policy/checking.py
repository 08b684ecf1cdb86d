"""Checks a policy against a specification: which requests fail and why, which bounds hold. Pure."""

from dataclasses import dataclass

from opswright.agents.policy.localise import localisation, why
from opswright.agents.policy.proofs import Claim, bound_claims
from opswright.nouns import Json
from opswright.tools.iam.document import Policy
from opswright.tools.iam.spec import Spec


@dataclass(frozen=True)
class Check:
    """What was found. `failing`: requests decided otherwise than wanted, each with the statements at fault."""

    total: int
    failing: tuple[dict[str, Json], ...]
    claims: tuple[Claim, ...]

    @property
    def holds(self) -> bool | None:
        """Whether everything holds; None when something could not be decided and nothing is refuted."""
        if self.failing or any(claim.holds is False for claim in self.claims):
            return False
        return None if any(claim.holds is None for claim in self.claims) else True

    def to_json(self) -> dict[str, Json]:
        return {
            "holds": self.holds,
            "requests": {"total": self.total, "satisfied": self.total - len(self.failing)},
            "failing": list(self.failing),
            "bounds": [claim.to_json() for claim in self.claims],
        }


def check(policy: Policy, spec: Spec) -> Check:
    """Decides every request, proves every never and always of a specification that does not contradict itself."""
    failing = tuple({**entry, "why": why(entry)} for entry in localisation(policy, spec))
    return Check(len(spec.requests), failing, tuple(bound_claims(policy, spec)))
