"""`inspect eval opswright/suite -T suite=NAME`: any suite's part, found by the package's entry point or as a file."""

import os
from pathlib import Path

import click
from inspect_ai import Task, task

from opswright.errors import InputError, OpswrightError
from opswright.evals.finding import plugin_folders
from opswright.evals.inspecting.running import task_of
from opswright.evals.runner import Allowance
from opswright.evals.runs import Chosen, limits_of, open_run
from opswright.evals.suites import Env
from opswright.settings import load_settings


@task
def suite(
    suite: str,
    part: str | None = None,
    data: str | None = None,
    seed: int = 1,
    env: Env = "recorded",
    tier: str = "auto",
    limit: int | None = None,
    recordings: str | None = None,
    suites: str | None = None,
) -> Task:
    """One part of a suite, the first unless another is named; the options are those of `opswright eval run`.

    `limit` saves building the cases that inspect's own `--limit` would leave out.
    """
    try:
        settings = load_settings({"tier": tier})
        chosen = Chosen(
            suite=suite,
            part=part,
            data=_path(data),
            env=env,
            seed=seed,
            limit=limit,
            recordings=_path(recordings),
            plugins=plugin_folders([Path(suites)] if suites else [], os.environ),
        )
        opened = open_run(chosen, settings, dict(os.environ), Path.cwd())
        if opened.suite.target is not None and opened.setup.live:
            raise InputError("has a live target, which `opswright eval run` opens; use that", f"suite {suite}")
        first = opened.parts[0]
        allowance = Allowance(limits_of(opened.setup))
        return task_of(first, opened.results.header, opened.suite.unrecordable, limit=limit, allowance=allowance)
    except OpswrightError as error:  # inspect's command is click's too: one line in place of a traceback
        raise click.UsageError(str(error)) from error


def _path(given: str | None) -> Path | None:
    return Path(given) if given else None
