"""`opswright eval compare`: two result files, case by case."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opswright.console import Options, Reply, Status, common_options
from opswright.nouns import Json

if TYPE_CHECKING:
    from opswright.evals.comparing import Comparison, Line
    from opswright.evals.suites import Table

NAMED = 20  # the most ids of a line in the text; the JSON has them all


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="X",
    help="The share of cases that may get worse.",
)
@common_options
def compare(options: Options, a: str, b: str, threshold: float) -> Reply:
    """Compare result files A and B, case by case: what got worse in B, what got better, what it took.

    A suite's name stands for its newest results. Ends with 1 when a greater share of the cases than the threshold got
    worse or could not be measured any more, or when B is worse by more than chance.
    """
    from opswright.evals.comparing import compare as pair
    from opswright.evals.results import read_results

    folder = options.settings.state_dir / "evals"
    paths = result_path(a, folder), result_path(b, folder)
    one, other = read_results(paths[0]), read_results(paths[1])
    found = pair(one, other)
    beyond = found.beyond(threshold)
    result = {
        "a": str(paths[0]),
        "b": str(paths[1]),
        "threshold": threshold,
        "beyond": [line.name for line in beyond],
        "differing": {name: list(values) for name, values in found.headers.items()},
        "lines": [_line_json(line) for line in found.lines],
        "unpaired": [asdict(unpaired) for unpaired in found.unpaired],
    }
    return Reply(Status.FOUND if beyond else Status.DONE, result, _text(found, beyond, threshold))


def result_path(name: str, folder: Path) -> Path:
    """A result file, or the newest of the suite of this name."""
    from opswright.errors import InputError
    from opswright.evals.results import newest_results

    if Path(name).is_file():
        return Path(name)
    found = newest_results(folder, name)
    if found is None:
        raise InputError(f"is neither a result file nor a suite with results in {folder}", name)
    return found


def _line_json(line: "Line") -> dict[str, Json]:
    from opswright.evals.comparing import difference

    return {**asdict(line), "name": line.name, "significant": line.significant, "difference": difference(line)}


def _text(found: "Comparison", beyond: "tuple[Line, ...]", threshold: float) -> str:
    from opswright.evals.suites import Summary
    from opswright.evals.tables import as_text

    notes = [f"{name}: {old} -> {new}" for name, (old, new) in found.headers.items()]
    for line in found.lines:
        for what, ids in (("worse", line.regressions), ("better", line.gains), ("lost", line.lost)):
            if ids:
                notes.append(f"{line.name}, {what}: {_named(ids)}")
    for one in found.unpaired:
        told = {
            "only in A": one.only_a,
            "only in B": one.only_b,
            "failed in A": one.failed_a,
            "failed in B": one.failed_b,
        }
        notes += [f"{one.part}, {what}: {_named(ids)}" for what, ids in told.items() if ids]
    if beyond:
        notes.append(f"worse than allowed ({threshold:g} of the cases): {', '.join(line.name for line in beyond)}")
    else:
        notes.append("nothing is worse than allowed")
    return as_text([Summary("", (_table(found),), notes=tuple(notes))])


def _named(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more


def _table(found: "Comparison") -> "Table":
    from opswright.evals.suites import Table

    columns = (
        "part",
        "pairs",
        "passed A",
        "passed B",
        "worse",
        "better",
        "p",
        "score B - A",
        "tokens",
        "USD",
        "seconds",
    )
    return Table("B against A", columns, tuple(_cells(line) for line in found.lines))


def _cells(line: "Line") -> tuple[str, ...]:
    from opswright.evals.comparing import difference

    more, change = difference(line), line.change
    return (
        line.name,
        str(line.pairs),
        *(("-", "-") if line.passed is None else map(str, line.passed)),
        str(len(line.regressions)),
        str(len(line.gains)),
        "-" if line.p is None else f"{line.p:.3f}",
        "-" if change is None else f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]",
        f"{more['tokens_in'] + more['tokens_out']:+,}",
        f"{more['cost_usd']:+.4f}",
        f"{more['seconds']:+.1f}",
    )
