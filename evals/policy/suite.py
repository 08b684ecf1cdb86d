"""The parts of the policy suite, in the order they run."""

from pathlib import Path

from opswright.evals.policy.comparison import ComparisonPart
from opswright.evals.policy.headline import Headline
from opswright.evals.policy.smoke import Smoke
from opswright.evals.suites import Part


def parts(folder: Path, seed: int) -> tuple[Part, ...]:
    """All parts over a data folder."""
    return (Headline(folder, seed), Smoke(folder, seed), ComparisonPart(folder, seed))
