"""Where the policy data lies: beside the checkout or where OPSWRIGHT_DATA says; tests without it are skipped."""

import json
import os
from pathlib import Path

import pytest

from opswright.nouns import Json

CASES = Path(__file__).parent / "cases"
CORPORA = ("cloudfix_policies", "quacky_samples", "aws_managed_policies")


def policy_data(name: str) -> Json:
    """One of the policy data files, as JSON; skips the test when the data is not there."""
    given = os.environ.get("OPSWRIGHT_DATA")
    root = Path(given) if given else Path(__file__).parents[4] / "shared" / "data"
    path = root / "policy" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no policy data at {path}; set OPSWRIGHT_DATA to the data folder")
    return json.loads(path.read_text(encoding="utf-8"))


def cases(path: Path) -> list[Json]:
    """The cases of one file of the table."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
