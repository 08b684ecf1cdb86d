"""The parts of the policy suite, in the order they run."""

from pathlib import Path

from opswright.evals.policy.comparison import ComparisonPart
from opswright.evals.policy.headline import Headline
from opswright.evals.policy.models import Models
from opswright.evals.policy.smoke import Smoke
from opswright.evals.suites import Part


def parts(folder: Path, seed: int, models: Models) -> tuple[Part, ...]:
    """All parts over a data folder; the models part comes made, since it alone needs the settings."""
    return (Headline(folder, seed), Smoke(folder, seed), ComparisonPart(folder, seed), models)
