"""What does a person type: `opswright eval` runs suites, compares their results, and shows what there is."""

import click

from opswright.evals.commands.comparing import compare
from opswright.evals.commands.exporting import export
from opswright.evals.commands.looking import list_suites, show_case
from opswright.evals.commands.reporting import report
from opswright.evals.commands.running import run


@click.group("eval")
def eval_group() -> None:
    """Run the evaluations: suites of cases, with intervals and goals beside what was measured."""


for command in (run, compare, report, export, list_suites, show_case):
    eval_group.add_command(command)
