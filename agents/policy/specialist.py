"""The policy specialist: its ports, bundled for the loop."""

from opswright.agents.policy.adoption import PolicyAdopter
from opswright.agents.policy.lessons import SPECIALIST, PolicyReflector
from opswright.agents.policy.proposer import PolicyProposer
from opswright.agents.policy.validation import PolicyChecker, PolicyReplayer, PolicyTrialist
from opswright.agents.ports import Context, Specialist

VERSION = "1"  # of the validator: raise it when a proof means something else than before


def build(context: Context) -> Specialist:
    """The specialist over the models and the memory it may use."""
    return Specialist(
        name=SPECIALIST,
        version=VERSION,
        proposer=PolicyProposer(context),
        checker=PolicyChecker(),
        trialist=PolicyTrialist(),
        adopter=PolicyAdopter(),
        reflector=PolicyReflector(),
        replayer=PolicyReplayer(),
    )
