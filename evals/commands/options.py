"""The options that several evaluation commands share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Option = Callable[[Any], Any]

suites_option: Option = click.option(
    "--suites",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder of more suites; repeatable. [default: $OPSWRIGHT_SUITES]",
)
data_option: Option = click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="The data folder. [default: $OPSWRIGHT_DATA]"
)
seed_option: Option = click.option(
    "--seed", type=int, default=1, show_default=True, help="Which cases are drawn, where they are."
)
recordings_option: Option = click.option(
    "--recordings",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The suite's recordings. [default: its own folder]",
)


def plugins(given: tuple[Path, ...]) -> tuple[Path, ...]:
    """Folders of more suites, the option's before the environment's."""
    from opswright.evals.finding import plugin_folders

    return plugin_folders(given, os.environ)
