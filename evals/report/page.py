"""The page: one HTML file without a single outside reference, readable on paper, on a phone and in the dark."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from opswright.evals.report.charts import cost_against_quality
from opswright.evals.report.sections import Section
from opswright.evals.suites import Goal, Table
from opswright.nouns import Json

# Nothing is loaded and nothing runs but the one script below, whatever a case's text says.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def page(sections: Sequence[Section], title: str, made: str) -> str:
    """The whole file. `made`: when it was written, in words."""
    names = _names(sections)
    links = "".join(f'<a href="#{_id(name)}">{_text(name)}</a>' for name in names)
    body = "".join(_section(name, one) for name, one in zip(names, sections, strict=True))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_own('page.css')}</style></head><body>"
        f'<h1>{_text(title)}</h1><p class="facts">{_text(made)}</p><nav>{links}</nav>{body}'
        f"<script>{_own('page.js')}</script></body></html>\n"
    )


def _names(sections: Sequence[Section]) -> list[str]:
    """What the sections are called: their suites, numbered where there are several results of one."""
    suites = [one.suite for one in sections]
    return [
        suite if suites.count(suite) == 1 else f"{suite} {suites[: at + 1].count(suite)}"
        for at, suite in enumerate(suites)
    ]


def _section(name: str, one: Section) -> str:
    parts = [f'<section id="{_id(name)}"><h2>{_text(name)}</h2>', _facts(one.header)]
    if one.goals:
        parts.append(_goals(one.goals))
    for chart in one.charts:
        parts.append(f"<h3>{_text(chart.title)}</h3>{cost_against_quality(chart.points, chart.cost)}")
    parts += [_table(table) for table in one.tables if table.rows]
    if one.notes:
        parts.append(f"<ul>{''.join(f'<li>{_text(note)}</li>' for note in one.notes)}</ul>")
    return "".join([*parts, "</section>"])


def _facts(header: Mapping[str, Json]) -> str:
    told = [f"{name} {value if isinstance(value, str) else json.dumps(value)}" for name, value in header.items()]
    return f'<p class="facts">{_text(", ".join(told))}</p>'


def _goals(goals: Sequence[Goal]) -> str:
    words = {True: ("met", "met"), False: ("missed", "missed"), None: ("not measured", "")}
    rows = "".join(
        f"<tr><td>{_text(goal.name)}</td><td>{_text(goal.target)}</td><td>{_text(goal.measured)}</td>"
        f'<td class="{words[goal.met][1]}">{words[goal.met][0]}</td></tr>'
        for goal in goals
    )
    return _framed("Goals beside what was measured", ("goal", "target", "measured", ""), rows)


def _table(table: Table) -> str:
    rows = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return _framed(table.title, table.columns, rows)


def _framed(title: str, columns: Sequence[str], rows: str) -> str:
    heads = "".join(f'<th scope="col">{_text(column)}</th>' for column in columns)
    caption = f"<caption>{_text(title)}</caption>"
    return f'<div class="scroll"><table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _own(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _id(name: str) -> str:
    return re.sub(r"[^a-z0-9-]", "-", name.lower())


def _text(value: str) -> str:
    """Escaped, with control characters made visible."""
    from opswright.console.text import visible

    return html.escape(visible(value))
