"""One case a line of `probe/cases.jsonl` in the data folder: {"id": ..., "do": ..., "once": ...}."""

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from opswright.errors import EnvironmentFailed
from opswright.evals.plain import CasesPart
from opswright.evals.product import models
from opswright.evals.suites import Case, Part, Setup
from opswright.nouns import Json, Tier


class Choice(BaseModel):
    """What a model is asked for."""

    candidate: int
    reason: str


def open_parts(setup: Setup) -> Sequence[Part]:
    """Both parts over the same lines; the second has none where nobody wrote any."""
    lines = setup.data_folder / "probe" / "cases.jsonl"
    return [CasesPart(name, setup, lines, subject, (right,)) for name in ("deeds", "secret")]


def subject(setup: Setup, case: Case) -> Mapping[str, Json]:
    """Leaves a line in `log`, then does as it is told; with `once`, the first time only."""
    folder = setup.data_folder / "probe"
    with (folder / "log").open("a") as log:
        log.write(f"{case.id} {os.getpid()}\n")
    deed = case.data.get("do", "")
    if not (case.data.get("once") and _before(folder / f"done-{case.id}")):
        _do(deed, folder, case)
    if deed == "ask":
        return _asked(setup)
    number = int(case.id)
    return {"square": number**2, "tier": "solver", "tokens_in": number}


def _before(mark: Path) -> bool:
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return True
    return False


def _do(deed: str, folder: Path, case: Case) -> None:
    if deed == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "fail":
        raise EnvironmentFailed("the weather")
    if deed == "raise":
        raise ZeroDivisionError(case.id)
    if deed == "wait":
        try:
            (folder / "gate").read_text()  # a named pipe: waits until somebody writes
        except KeyboardInterrupt:
            (folder / f"cleaned-{case.id}").touch()
            raise


def _asked(setup: Setup) -> Mapping[str, Json]:
    with models(setup) as (gateway, ledger):
        tiers = gateway.available()
        inputs = {"goal": "x", "policy": "y", "candidates": "1. a\n2. b"}
        said = gateway.ask(Tier.LOW, "policy/choose", inputs, Choice) if tiers else None
        spent = ledger.spent
    used = {"tokens_in": spent.tokens_in, "tokens_out": spent.tokens_out, "calls": spent.calls}
    return {"answer": said.candidate if said else None, "tier": "low" if said else "", **used}


def right(case: Mapping[str, Json], result: Mapping[str, Json]) -> Mapping[str, Json]:
    """Every square is right; `wrong` cases are not; an answer is one that was given."""
    return {
        "passed": not case.get("wrong", False) and result.get("answer", 0) is not None,
        "told": result.get("square", result.get("answer")),
    }
