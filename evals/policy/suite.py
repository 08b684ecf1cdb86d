"""Faults in access policies: what the repair, the comparison engine and the model tiers are worth."""

from collections.abc import Sequence

from opswright.evals.suites import Part, Setup, Suite

_CLOUDFIX = "the CloudFix data states no licence"


def _open(setup: Setup) -> Sequence[Part]:
    from opswright.evals.policy.comparison import ComparisonPart
    from opswright.evals.policy.headline import Headline
    from opswright.evals.policy.models import models_part
    from opswright.evals.policy.smoke import Smoke

    folder, seed = setup.data_folder, setup.seed
    return (Headline(folder, seed), Smoke(folder, seed), ComparisonPart(folder, seed), models_part(setup))


SUITE = Suite(
    summary="Access policies: faults repaired, engines compared, model tiers beside the solver.",
    parts={
        "headline": "300 real policies with one to three faults, repaired and judged against the true policy",
        "smoke": "the CloudFix policies with 5 and 10 requests each",
        "comparison": "380 pairs of policies: the comparison engine against a peer and drawn requests",
        "models": "model tiers beside the solver on 48 of the headline cases",
    },
    open=_open,
    data="policy",
    unrecordable={"smoke": _CLOUDFIX, "comparison": _CLOUDFIX},
)
