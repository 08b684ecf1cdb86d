"""`opswright eval run`: runs a suite and tells what it measured."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opswright.console import Failure, Options, Reply, Status, common_options
from opswright.errors import BudgetSpent, EnvironmentFailed
from opswright.evals.commands.options import data_option, plugins, recordings_option, seed_option, suites_option

if TYPE_CHECKING:
    from opswright.evals.runs import Run
    from opswright.evals.suites import Env, Summary


@click.command()
@click.argument("suite")
@click.option("--part", metavar="P", help="One part of the suite; `opswright eval list` names them. [default: all]")
@data_option
@click.option(
    "--env",
    type=click.Choice(["recorded", "live"]),
    default="recorded",
    show_default=True,
    help="Whether models and environments answer from recordings, or are asked.",
)
@seed_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N cases of each part.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes at once.")
@click.option(
    "--workers", metavar="ADDRESS", help="Fan out over a dask scheduler: tls://HOST:PORT, or tcp on loopback."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Result file (JSON Lines); goes on in it.")
@click.option("--fresh", is_flag=True, help="Start the result file anew; with --record, the recording too.")
@click.option("--record", is_flag=True, help="Ask the configured models and record their answers.")
@click.option("--answered-by", metavar="TEXT", help="With --record: who answers, in words, for recording.toml.")
@recordings_option
@suites_option
@common_options
def run(
    options: Options,
    suite: str,
    part: str | None,
    data: Path | None,
    env: "Env",
    seed: int,
    limit: int | None,
    jobs: int,
    workers: str | None,
    out: Path | None,
    fresh: bool,
    record: bool,
    answered_by: str | None,
    recordings: Path | None,
    suites: tuple[Path, ...],
) -> Reply:
    """Run a SUITE and print its tables.

    Rows go to a result file as they are measured; a run that was stopped goes on where it was. The default file is
    under the state directory, one for each seed, version of the code and of the cases.
    """
    from opswright.evals.runner import Workers
    from opswright.evals.runs import Chosen, open_run

    chosen = Chosen(
        suite=suite,
        part=part,
        data=data,
        env=env,
        seed=seed,
        limit=limit,
        workers=Workers(jobs, workers),
        out=out,
        fresh=fresh,
        record=record,
        answered_by=answered_by,
        recordings=recordings,
        plugins=plugins(suites),
    )
    opened = open_run(chosen, options.settings, dict(os.environ), Path.cwd())
    if options.dry_run:
        sizes = opened.sizes()
        return Reply(Status.DONE, {"cases": sizes}, "\n".join(f"{name}: {size} cases" for name, size in sizes.items()))
    try:
        summaries = opened.run(options.progress)
    except KeyboardInterrupt:
        options.progress(f"interrupted; the same command goes on in {opened.path}")
        raise
    except BudgetSpent as error:
        return Reply(Status.BUDGET, {"results": str(opened.path)}, error=Failure.of(error))
    return _reply(opened, summaries)


def _reply(opened: "Run", summaries: "Sequence[Summary]") -> Reply:
    from opswright.evals.results import write_whole
    from opswright.evals.tables import as_text
    from opswright.nouns import canonical_json

    result = {
        "results": str(opened.path),
        "digest": opened.digest(),
        "took": opened.figures(),
        "parts": [asdict(summary) for summary in summaries],
    }
    summary_path = opened.path.with_suffix(".summary.json")
    write_whole(summary_path, canonical_json(result) + "\n")
    told = [as_text([*summaries, opened.took()]), "", f"rows: {opened.path}", f"summary: {summary_path}"]
    text = "\n".join([*told, f"digest of the rows without times: {result['digest']}"])
    failures = opened.failures()
    if failures.every:
        failure = Failure.of(EnvironmentFailed(f"nothing was measured, every case failed; {failures.first}"))
        return Reply(Status.ERROR, result, text, error=failure)
    return Reply(Status.DONE, result, text)
