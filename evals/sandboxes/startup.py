"""The part `startup`: rounds in which every way runs `true` once, in an order shuffled by the seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opswright.evals.rows import VARIANTS, ran, variants
from opswright.evals.sandboxes.ways import BARE, ENGINE, WARM, names, opened
from opswright.evals.stats import Interval, median
from opswright.evals.suites import Case, Goal, Summary, Table
from opswright.nouns import Json
from opswright.settings.shape import SandboxSettings

CASES = 8
ROUNDS = 5  # of each case, which opens its own sandboxes


@dataclass(frozen=True)
class Startup:
    """Times are of this machine and its load; ratios of the same round compare."""

    settings: SandboxSettings
    seed: int

    @property
    def name(self) -> str:
        return "startup"

    def cases(self) -> Sequence[Case]:
        return [Case(f"rounds-{number:02}", {"seed": self.seed * 1000 + number}) for number in range(CASES)]

    def run(self, case: Case) -> Json:
        """Seconds of every call by way, in the order of the rounds."""
        order = random.Random(case.data["seed"])
        with opened(self.settings) as ways:
            timed: dict[str, list[float]] = {name: [] for name in names(ways.without)}
            for name in timed:
                ways.timed(name)  # once for nothing: files are read, code is loaded
            for _ in range(ROUNDS):
                for name in order.sample(sorted(timed), len(timed)):
                    timed[name].append(ways.timed(name))
            rows = {name: {"seconds": sum(values), "each_s": values} for name, values in timed.items()}
            return {VARIANTS: rows, "without": ways.without}

    def summarise(self, rows: Mapping[str, Json]) -> Summary:
        """Medians over all rounds, and medians of the ratios within each round."""
        timed: dict[str, list[float]] = {}
        for row in filter(ran, rows.values()):
            for name, one in variants(row).items():
                timed.setdefault(name, []).extend(one["each_s"])
        shown = [name for name in names({}) if name in timed]
        without = {name: why for row in rows.values() for name, why in row.get("without", {}).items()}
        table = Table(
            "Starting a call: milliseconds, and times as long as others in the same round (medians, 95 % intervals)",
            ("way", "ms", f"times a {BARE}", f"times {ENGINE}", "calls"),
            tuple(_line(name, timed) for name in shown),
        )
        notes = tuple(f"{name}: not measured, {why}" for name, why in sorted(without.items()))
        return Summary(self.name, (table,), _goals(timed), {name: _figures(timed[name]) for name in shown}, notes)


def _line(name: str, timed: Mapping[str, Sequence[float]]) -> tuple[str, ...]:
    own = [seconds * 1000 for seconds in timed[name]]
    return (name, _text(median(own)), _ratio(name, BARE, timed), _ratio(name, ENGINE, timed), str(len(own)))


def _ratio(name: str, other: str, timed: Mapping[str, Sequence[float]]) -> str:
    return _text(_ratios(name, other, timed)) if name != other else "1"


def _ratios(name: str, other: str, timed: Mapping[str, Sequence[float]]) -> Interval | None:
    """None where one of them was not measured in the same rounds."""
    ours, theirs = timed.get(name, ()), timed.get(other, ())
    return median([a / b for a, b in zip(ours, theirs, strict=True)]) if len(ours) == len(theirs) else None


def _goals(timed: Mapping[str, Sequence[float]]) -> tuple[Goal, ...]:
    found = _ratios(WARM, ENGINE, timed)
    measured = _text(found) if found else "not measured"
    return (Goal(f"a {WARM}, beside {ENGINE}", "at most half as long", measured, found.high <= 0.5 if found else None),)


def _figures(values: Sequence[float]) -> Json:
    found = median(values)
    return {"median_s": found.value, "low_s": found.low, "high_s": found.high, "n": found.n} if found else {}


def _text(found: Interval | None) -> str:
    if found is None:
        return "-"
    return " ".join((_short(found.value), f"({_short(found.low)} to {_short(found.high)})"))


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
