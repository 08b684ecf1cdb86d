"""`opswright eval list` and `eval case`: what suites there are, and what one case is made of."""

import os
from pathlib import Path

import click

from opswright.console import Options, Reply, Status, common_options
from opswright.evals.commands.options import data_option, plugins, recordings_option, seed_option, suites_option
from opswright.nouns import Json


@click.command("list")
@suites_option
@common_options
def list_suites(options: Options, suites: tuple[Path, ...]) -> Reply:
    """List the suites with their parts."""
    from opswright.errors import ConfigError
    from opswright.evals.finding import find_suites

    found: list[dict[str, Json]] = []
    for one in find_suites(plugins(suites)).values():
        try:
            suite = one.load()
            told: dict[str, Json] = {"summary": suite.summary, "parts": dict(suite.parts), "data": suite.data}
        except ConfigError as error:  # one broken suite hides no other
            told = {"summary": f"cannot be opened: {error}", "parts": {}, "data": ""}
        found.append({"name": one.name, **told, "folder": str(one.folder), "plugin": one.plugin})
    lines = []
    for entry in found:
        needs = f" (data: {entry['data']})" if entry["data"] else ""
        lines += [f"{entry['name']}: {entry['summary']}{needs}"]
        lines += [f"    {name}: {about}" for name, about in entry["parts"].items()]
    return Reply(Status.DONE, {"suites": found}, "\n".join(lines))


@click.command("case")
@click.argument("suite")
@click.argument("id")
@click.option("--part", metavar="P", help="The part it is of. [default: the first that has it]")
@data_option
@seed_option
@recordings_option
@suites_option
@common_options
def show_case(
    options: Options,
    suite: str,
    id: str,
    part: str | None,
    data: Path | None,
    seed: int,
    recordings: Path | None,
    suites: tuple[Path, ...],
) -> Reply:
    """Print one case of a SUITE by its ID, as it is given and judged; leading zeros may be left out."""
    import json

    from opswright.evals.looking import look
    from opswright.evals.runs import Chosen, open_run

    chosen = Chosen(suite=suite, part=part, data=data, seed=seed, recordings=recordings, plugins=plugins(suites))
    opened = open_run(chosen, options.settings, dict(os.environ), Path.cwd())
    result = look(opened.parts, id)
    return Reply(Status.DONE, result, json.dumps(result, indent=2, ensure_ascii=False))
