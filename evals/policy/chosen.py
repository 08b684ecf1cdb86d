"""Which headline cases the models are asked about, and that they are still the cases that were recorded.

Half are cases in which the solver is ambiguous (it found several repairs that explain the requests and mean different
things) or found nothing; half are drawn at random from the others. The list is a file beside the recording: case
numbers and digests, nothing of the policies.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from opswright.errors import InputError
from opswright.evals.policy.cases import HeadlineCase, NoCase, build_case
from opswright.evals.policy.corpus import Corpora
from opswright.evals.results import write_whole
from opswright.nouns import digest
from opswright.tools.iam.actions import ActionDatabase

AMBIGUOUS, RANDOM = "ambiguous", "random"


@dataclass(frozen=True)
class Chosen:
    """One case: its number in the headline part, why it was chosen, and the digest of what the models are shown."""

    index: int
    why: str
    digest: str


def digest_of(case: HeadlineCase) -> str:
    """Changes when the faulty policy or the specification does."""
    return digest([case.faulty, case.spec])[:16]


def choose(folder: Path, seed: int, count: int, among: int, actions: ActionDatabase) -> list[Chosen]:
    """`count` of the first `among` headline cases of a seed, as far as there are so many."""
    found: dict[str, list[Chosen]] = {AMBIGUOUS: [], RANDOM: []}
    for index in range(among):
        try:
            case = build_case(seed, index, Corpora(folder), actions)
        except NoCase:
            continue
        why = AMBIGUOUS if _ambiguous(case) else RANDOM
        found[why].append(Chosen(index, why, digest_of(case)))
    rng = Random(f"chosen/{seed}")
    ambiguous = rng.sample(found[AMBIGUOUS], min(count // 2, len(found[AMBIGUOUS])))
    others = rng.sample(found[RANDOM], min(count - len(ambiguous), len(found[RANDOM])))
    return sorted([*ambiguous, *others], key=lambda chosen: chosen.index)


def _ambiguous(case: HeadlineCase) -> bool:
    from opswright.agents.policy.repair import Options, repair
    from opswright.tools.iam.parser import policy_from_value
    from opswright.tools.iam.spec import spec_from_value

    try:
        found = repair(policy_from_value(case.faulty), spec_from_value(case.spec), Options(generalise=True))
    except InputError:
        return True
    return found.best is None or bool(found.alternatives)


def read_chosen(path: Path) -> tuple[int, list[Chosen]] | None:
    """The seed and the list; None where there is no file. Raises InputError when it is not such a list."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return int(value["seed"]), [Chosen(**item) for item in value["cases"]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"is no list of chosen cases: {error}; record anew with --record --fresh", str(path)) from None


def write_chosen(path: Path, seed: int, chosen: Sequence[Chosen]) -> None:
    """Writes the list in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = {"seed": seed, "cases": [asdict(one) for one in chosen]}
    write_whole(path, json.dumps(value, indent=1) + "\n")
