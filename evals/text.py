"""Figures as the cells of a table."""

from opswright.evals.stats import Interval


def share(found: Interval | None) -> str:
    """`93.1 % [91.8, 94.2]`, or `-` where nothing was measured."""
    if found is None:
        return "-"
    return f"{100 * found.value:.1f} % [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def percent(found: Interval | None) -> str:
    """`93.1 %`, or `-`."""
    return "-" if found is None else f"{100 * found.value:.1f} %"


def milliseconds(found: Interval | None) -> str:
    """`12.3 [11.0, 14.1]`, or `-`."""
    return "-" if found is None else f"{found.value:.1f} [{found.low:.1f}, {found.high:.1f}]"


def count(hits: int, n: int) -> str:
    """`187 of 188`."""
    return f"{hits} of {n}"
