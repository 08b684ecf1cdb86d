"""Summaries as text for a person."""

import io
from collections.abc import Iterable

from opswright.evals.suites import Goal, Summary, Table


def as_text(summaries: Iterable[Summary], width: int = 160) -> str:
    """Every table, then goals beside what was measured, then the notes."""
    from rich.console import Console

    written = io.StringIO()
    console = Console(file=written, width=width, no_color=True, highlight=False)
    for summary in summaries:
        for table in summary.tables:
            console.print(_rich(table))
        if summary.goals:
            console.print(_rich(_goal_table(summary.part, summary.goals)))
        for note in summary.notes:
            console.print(note, markup=False, soft_wrap=True)
        console.print()
    return written.getvalue().rstrip("\n")


def _rich(table: Table) -> "object":
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(table.columns):
        shown.add_column(column, justify="left" if at == 0 else "right", no_wrap=at == 0)
    for row in table.rows:
        shown.add_row(*(cell.replace("[", "\\[") for cell in row))
    return shown


def _goal_table(part: str, goals: Iterable[Goal]) -> Table:
    words = {True: "met", False: "missed", None: "not measured"}
    rows = tuple((goal.name, goal.target, goal.measured, words[goal.met]) for goal in goals)
    return Table(f"Goals of {part}", ("goal", "target", "measured", ""), rows)
