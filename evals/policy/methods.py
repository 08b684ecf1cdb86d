"""What is measured side by side: the solver's two modes, the exact-point patch, and no repair."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from opswright.errors import InputError
from opswright.evals.policy.baselines import exact_point_patch
from opswright.nouns import Json
from opswright.tools.iam.parser import policy_from_value
from opswright.tools.iam.spec import spec_from_value

STRICT, GENERALISE, PATCH, NOTHING = "solver strict", "solver generalise", "exact-point patch", "no repair"


@dataclass(frozen=True)
class Attempt:
    """What a method made of a faulty document: the new one, or None with the reason; wall and CPU milliseconds."""

    value: Json
    reason: str
    ms: float
    cpu_ms: float


Method = Callable[[Json, Json], tuple[Json, str]]  # faulty document, specification -> document or None, reason


def solver_strict(faulty: Json, spec: Json) -> tuple[Json, str]:
    """The repair's solver tier, never wider than the original and what the specification requires."""
    return _solver(faulty, spec, generalise=False)


def solver_generalise(faulty: Json, spec: Json) -> tuple[Json, str]:
    """The repair's solver tier with leave to generalise inside the specification's `may`."""
    return _solver(faulty, spec, generalise=True)


def patch(faulty: Json, spec: Json) -> tuple[Json, str]:
    """One exact statement for each request that is judged wrongly."""
    return exact_point_patch(faulty, spec_from_value(spec)), ""


def nothing(faulty: Json, spec: Json) -> tuple[Json, str]:
    """The faulty document as it is."""
    return faulty, ""


METHODS: tuple[tuple[str, Method], ...] = (
    (STRICT, solver_strict),
    (GENERALISE, solver_generalise),
    (PATCH, patch),
    (NOTHING, nothing),
)


@cache
def warm() -> None:
    """Runs every method once a process, so that no case pays for imports and the action database."""
    policy: Json = {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"}}
    asked = {"effect": "allow", "action": "s3:PutObject", "resource": "arn:aws:s3:::a/b"}
    for _, method in METHODS:
        method(policy, {"requests": [{"id": "1", **asked}]})


def timed(method: Method, faulty: Json, spec: Json) -> Attempt:
    """Runs a method on plain JSON, reading both documents included, and takes the time."""
    warm()
    wall, cpu = time.perf_counter(), time.process_time()
    value, reason = method(faulty, spec)
    return Attempt(value, reason, 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu))


def _solver(faulty: Json, spec: Json, *, generalise: bool) -> tuple[Json, str]:
    from opswright.agents.policy.repair import Options, repair

    try:
        found = repair(policy_from_value(faulty), spec_from_value(spec), Options(generalise=generalise))
    except InputError as error:
        return None, f"refused: {error}"
    return (found.best.value if found.best else None), found.reason
