"""`opswright eval`: runs a suite of benchmarks and tells what it measured."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opswright.console import Options, Progress, Reply, Status, common_options

if TYPE_CHECKING:
    from opswright.evals.policy.models import Models
    from opswright.evals.results import ResultFile
    from opswright.evals.suites import Summary
    from opswright.nouns import Json

SUITES = ("policy",)
PARTS = ("headline", "smoke", "comparison", "models", "all")


@click.group("eval")
def eval_group() -> None:
    """Run the evaluations: benchmarks over real data, with their goals beside what was measured."""


@eval_group.command()
@click.argument("suite", type=click.Choice(SUITES))
@click.option("--part", type=click.Choice(PARTS), default="all", show_default=True, help="One part of the suite.")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="The data folder. [default: $OPSWRIGHT_DATA]"
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which cases are drawn.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N cases of each part.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes at once.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Result file (JSON Lines); goes on in it.")
@click.option("--fresh", is_flag=True, help="Start the result file anew.")
@click.option("--record", is_flag=True, help="Part models: ask the configured models and record their answers.")
@click.option("--recordings", type=click.Path(path_type=Path), metavar="DIR", help="Part models: folder of recordings.")
@common_options
def run(
    options: Options,
    suite: str,
    part: str,
    data: Path | None,
    seed: int,
    limit: int | None,
    jobs: int,
    out: Path | None,
    fresh: bool,
    record: bool,
    recordings: Path | None,
) -> Reply:
    """Run a SUITE and print its tables.

    Rows go to a result file as they are measured; a run that was stopped goes on where it was. The default file is
    under the state directory, one for each seed and version of the code.
    """
    from opswright.evals.data import data_folder
    from opswright.evals.policy.suite import parts
    from opswright.evals.runner import run_part

    folder = data_folder(data, dict(os.environ), Path.cwd())
    models = _models(folder, seed, record, recordings, options)
    chosen = [one for one in parts(folder, seed, models) if part in ("all", one.name)]
    if models in chosen and not options.dry_run:
        models.prepare(fresh, limit)
    if options.dry_run:
        sizes = {one.name: len(one.cases()[:limit]) for one in chosen}
        return Reply(Status.DONE, {"cases": sizes}, "\n".join(f"{name}: {size} cases" for name, size in sizes.items()))
    results = _result_file(suite, seed, folder, out, fresh, options)
    results.open()
    try:
        told = _Told(options.progress)
        summaries = [run_part(one, results, jobs=jobs, limit=limit, progress=told) for one in chosen]
    finally:
        results.close()
    return _reply(summaries, results.path)


@eval_group.command("case")
@click.argument("suite", type=click.Choice(SUITES))
@click.argument("number", type=click.IntRange(min=0))
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="The data folder. [default: $OPSWRIGHT_DATA]"
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which cases are drawn.")
@common_options
def show_case(options: Options, suite: str, number: int, data: Path | None, seed: int) -> Reply:
    """Print one headline case: the true policy, the faulty one, the requests given and held back."""
    import json

    from opswright.evals.data import data_folder
    from opswright.evals.policy.cases import build_case, request_value
    from opswright.evals.policy.corpus import Corpora
    from opswright.tools.iam.actions import load

    built = build_case(seed, number, Corpora(data_folder(data, dict(os.environ), Path.cwd())), load())
    result = {
        "document": built.document.id,
        "faults": [asdict(fault) for fault in built.faults],
        "true": built.document.value,
        "faulty": built.faulty,
        "spec": built.spec,
        "held_back": [request_value(f"h{at:02}", one) for at, one in enumerate(built.held, 1)],
    }
    return Reply(Status.DONE, result, json.dumps(result, indent=2, ensure_ascii=False))


def _models(folder: Path, seed: int, record: bool, recordings: Path | None, options: Options) -> "Models":
    from opswright.evals.policy.models import TIERS, Models, recordings_folder

    tiers = TIERS if options.tier == "auto" else tuple(dict.fromkeys(("solver", options.tier)))
    return Models(folder, seed, options.settings, recordings or recordings_folder(), record, tiers)


def _result_file(suite: str, seed: int, folder: Path, out: Path | None, fresh: bool, options: Options) -> "ResultFile":
    import opswright
    from opswright.evals.results import ResultFile, code_digest, data_digest

    code = code_digest(Path(opswright.__file__).parent)
    header: dict[str, Json] = {"suite": suite, "seed": seed, "code": code, "data": data_digest(folder / suite)}
    if options.tier != "auto":
        header["tier"] = options.tier
    path = out or options.settings.state_dir / "evals" / f"{suite}-seed{seed}-{code}.jsonl"
    if fresh:
        path.unlink(missing_ok=True)
    return ResultFile(path, header)


def _reply(summaries: "list[Summary]", path: Path) -> Reply:
    from opswright.evals.results import write_whole
    from opswright.evals.tables import as_text
    from opswright.nouns import canonical_json

    result = {"results": str(path), "parts": [asdict(summary) for summary in summaries]}
    summary_path = path.with_suffix(".summary.json")
    write_whole(summary_path, canonical_json(result) + "\n")
    text = f"{as_text(summaries)}\n\nrows: {path}\nsummary: {summary_path}"
    return Reply(Status.DONE, result, text)


class _Told:
    """Progress in steps of a twentieth, so that a log stays short."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last = -1

    def __call__(self, part: str, done: int, total: int) -> None:
        step = 20 * done // max(total, 1)
        if done == 0 or step != self._last:
            self._last = step
            self._progress(f"{part}: {done} of {total} cases", part=part, done=done, total=total)
