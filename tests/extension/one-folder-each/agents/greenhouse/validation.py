"""Who decides: pairs of days, the present settings beside the proposed ones, and the energy."""

from collections.abc import Sequence
from dataclasses import dataclass

from opswright.agents.greenhouse.inputs import read_work
from opswright.agents.ports import accepted, rejected, undecided
from opswright.nouns import History, Json, Outcome, Proposal, Task, Verdict
from opswright.tools.greenhouse.house import GRID

VERSION = "1"


@dataclass(frozen=True)
class GreenhouseChecker:
    """Implements Checker and Replayer: both are arithmetic over the stored samples."""

    def precheck(self, task: Task, proposal: Proposal) -> Verdict:
        """On the grid, and not what is set already."""
        content = proposal.content
        if not isinstance(content, dict) or content not in GRID.points():
            return rejected("not a configuration of the grid", grid=GRID.as_json())
        if content == dict(read_work(task).present):
            return rejected("these are the present settings")
        return accepted("it may be tried")

    def judge(self, task: Task, history: History) -> Verdict:
        """Faster on every pair of days, and within the energy."""
        observation = history[-1].observation
        assert observation is not None
        return judged(observation.values["pairs"], read_work(task).energy_kwh)

    def replay(self, task: Task, result: Json, evidence: Json) -> Verdict:
        """The same arithmetic over the receipt's samples."""
        last = evidence["trials"][-1]["observation"]
        again = judged(last["values"]["pairs"], read_work(task).energy_kwh)
        return again if again.outcome is Outcome(evidence["verdict"]["outcome"]) else rejected("it judges differently")


def judged(pairs: Sequence[Json], energy_kwh: float) -> Verdict:
    """`pairs`: `{before, after}`, each the grid's measurements of one block."""
    gains = [pair["after"]["growth_mm"] - pair["before"]["growth_mm"] for pair in pairs]
    energy = max(pair["after"]["energy_kwh"] for pair in pairs)
    if energy > energy_kwh:
        return rejected(f"takes up to {energy:.1f} kWh a day, {energy_kwh:.1f} are allowed", energy_kwh=energy)
    if all(gain > 0 for gain in gains):
        return accepted(f"grows faster on all {len(gains)} pairs of days", gains_mm=gains)
    if all(gain <= 0 for gain in gains):
        return rejected(f"grows no faster on any of {len(gains)} pairs of days", gains_mm=gains)
    return undecided("grows faster on some pairs of days only", gains_mm=gains)
