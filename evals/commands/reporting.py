"""`opswright eval report`: one HTML page of result files."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opswright.console import Options, Reply, Status, common_options

if TYPE_CHECKING:
    from opswright.evals.results import ResultSet
    from opswright.evals.suites import Summary
    from opswright.nouns import Json


@click.command()
@click.argument("results", nargs=-1)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="The page. [default: in the state directory]"
)
@common_options
def report(options: Options, results: tuple[str, ...], out: Path | None) -> Reply:
    """Write one self-contained HTML page of RESULTS: tables, goals, cost against quality, baselines for the tiers.

    RESULTS are result files, or names of suites, which stand for their newest results; without any, every suite that
    has been run.
    """
    from opswright.errors import InputError
    from opswright.evals.commands.comparing import result_path
    from opswright.evals.report.page import page
    from opswright.evals.report.sections import section
    from opswright.evals.results import newest_results, read_results, suites_with_results, write_whole

    folder = options.settings.state_dir / "evals"
    if results:
        paths = [result_path(name, folder) for name in results]
    else:
        paths = [path for suite in suites_with_results(folder) if (path := newest_results(folder, suite))]
    if not paths:
        raise InputError(f"there are no results in {folder}; run a suite first: opswright eval run SUITE")
    found = [read_results(path) for path in paths]
    sections = [section(one, _summaries(one)) for one in found]
    made = time.strftime("written %Y-%m-%d %H:%M UTC", time.gmtime())
    target = out or folder / "report.html"
    shown = {"report": str(target), "results": [str(path) for path in paths]}
    if not options.dry_run:
        write_whole(target, page(sections, "opswright: evaluations", made))
    return Reply(Status.DONE, shown, f"report: {target}")


def _summaries(results: "ResultSet") -> "list[Summary]":
    """What the parts said when the run ended; nothing where it has not."""
    from opswright.evals.suites import Goal, Summary, Table

    def table(one: "Json") -> Table:
        return Table(one["title"], tuple(one["columns"]), tuple(map(tuple, one["rows"])))

    def summary(one: "Json") -> Summary:
        goals = tuple(Goal(**goal) for goal in one["goals"])
        return Summary(one["part"], tuple(map(table, one["tables"])), goals, one["figures"], tuple(one["notes"]))

    try:
        kept = json.loads(results.path.with_suffix(".summary.json").read_text(encoding="utf-8"))
        return [summary(one) for one in kept["parts"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
