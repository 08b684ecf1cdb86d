"""`opswright eval export`: a result file as inspect-ai's logs."""

import os
from pathlib import Path

import click

from opswright.console import Options, Reply, Status, common_options
from opswright.evals.commands.options import data_option, plugins, suites_option


@click.command()
@click.argument("results")
@click.option("--to", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The folder of the logs.")
@data_option
@suites_option
@common_options
def export(options: Options, results: str, to: Path, data: Path | None, suites: tuple[Path, ...]) -> Reply:
    """Write RESULTS, a result file or a suite's newest, as logs that `inspect view --log-dir DIR` shows.

    Nothing is run again. Cases are shown with their ids alone where code, data or cases are not those of the results.
    """
    from opswright.errors import ConfigError
    from opswright.evals.commands.comparing import result_path
    from opswright.evals.results import read_results

    try:
        from opswright.evals.inspecting.export import write_logs
        from opswright.evals.inspecting.inputs import inputs_of
    except ModuleNotFoundError as error:
        if error.name != "inspect_ai":
            raise
        raise ConfigError(
            "needs inspect-ai, which is not installed: pip install 'opswright[inspect]'", "export"
        ) from None
    found = read_results(result_path(results, options.settings.state_dir / "evals"))
    inputs, missing = inputs_of(found, options.settings, data, plugins(suites), dict(os.environ))
    shown = {"results": str(found.path), "inputs": not missing, "missing": missing}
    if options.dry_run:
        return Reply(
            Status.DONE, {**shown, "logs": []}, "\n".join(f"{part}: {len(found.rows[part])}" for part in found.rows)
        )
    logs = [str(path) for path in write_logs(found, inputs, to)]
    lines = [*logs, *([f"cases are shown with their ids alone: {missing}"] if missing else [])]
    return Reply(Status.DONE, {**shown, "logs": logs}, "\n".join([*lines, f"inspect view --log-dir {to}"]))
