"""The page: tables and charts of result files, alone in one file, whatever the rows say."""

import json
import os
import re
from pathlib import Path

import pytest

from opswright.evals.report.charts import Point, cost_against_quality
from tests.cli.conftest import *  # noqa: F403 - the program's fixture
from tests.cli.program import Program
from tests.evals.report.test_policies import ROWS
from tests.live import chromium

EVIL = '<img src=x onerror="document.title=1"><script>document.body.id="taken"</script>\x1b[31m'


def write_results(path: Path, name: str = "toy") -> Path:
    lines = [{"schema": "opswright-eval/1", "suite": name, "seed": 1, "code": "abc", "data": EVIL}]
    lines += [{"part": "tiers", "case": id, "row": row} for id, row in ROWS.items()]
    lines += [{"part": "plain", "case": "x", "row": {"score": 0.5, "seconds": 1.0, "tier": EVIL}}]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = {"title": "Counts", "columns": ["name", "n"], "rows": [["b", "10"], ["a", "9"], [EVIL, "100"]]}
    goal = {"name": "right", "target": ">= 1", "measured": "0", "met": False}
    part = {"part": "tiers", "tables": [table], "goals": [goal], "figures": {}, "notes": [EVIL]}
    path.with_suffix(".summary.json").write_text(json.dumps({"parts": [part]}))
    return path


def test_the_page_holds_everything_and_refers_to_nothing(program: Program, tmp_path: Path) -> None:
    results, page = write_results(tmp_path / "toy.jsonl"), tmp_path / "report.html"
    ran = program("eval", "report", results, "-o", page, "--json")
    assert ran.code == 0, ran.stderr
    assert ran.envelope()["result"] == {"report": str(page), "results": [str(results)]}
    text = page.read_text()
    assert (
        "always solver" in text and "chance at the cost of ours" in text and "oracle" in text and "PTE a case" in text
    )
    assert "<svg" in text and 'class="missed"' in text
    assert "<img" not in text and text.count("<script>") == 1 and "\x1b" not in text
    tags = re.findall(r"<[a-z][^>]*>", text)
    outside = re.compile(r"""\s(?:src|href|srcset|action|data)=(?!["']#)""")
    assert len(tags) > 50 and not [tag for tag in tags if outside.search(tag)]
    assert "url(" not in text and "@import" not in text


def test_without_names_every_suite_that_was_run_is_in_it(program: Program) -> None:
    folder = program.state / "evals"
    write_results(folder / "one.jsonl", "one")
    write_results(folder / "two.jsonl", "two")
    envelope = program("eval", "report", "--json").envelope()
    assert len(envelope["result"]["results"]) == 2
    text = Path(envelope["result"]["report"]).read_text()
    assert 'id="one"' in text and 'id="two"' in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there are no results in"),
        (("nothing",), "neither a result file nor a suite"),
        (("bad.jsonl",), "not a result"),
    ],
)
def test_what_cannot_be_reported_is_one_line(program: Program, arguments: tuple[str, ...], message: str) -> None:
    (program.folder / "bad.jsonl").write_text("{}\n")
    ran = program("eval", "report", *arguments)
    assert ran.code == 2 and message in ran.error_line()


@pytest.mark.live
def test_a_browser_shows_it_and_sorts_by_a_click(program: Program, tmp_path: Path) -> None:
    results, page = write_results(tmp_path / "toy.jsonl"), tmp_path / "report.html"
    assert program("eval", "report", results, "-o", page).code == 0
    click = (
        "[...document.querySelectorAll('caption')].find(c=>c.textContent=='tiers: Counts')"
        ".parentNode.rows[0].cells[1].click();"
    )
    page.write_text(page.read_text().replace("</body>", f"<script>{click}</script></body>"))
    shown = chromium(page, tmp_path)
    table = shown[shown.index("tiers: Counts") :]
    table = table[: table.index("</table>")]
    assert re.findall(r"<td>(\d+)</td></tr>", table) == ["9", "10", "100"]
    assert 'aria-sort="ascending"' in table
    assert "<title>1</title>" not in shown and not re.search(r"<body[^>]*taken", shown)
    assert shown.count("<circle") == len(re.findall(r"<g class=\"g\d\">", shown)) >= 7


def test_a_chart_where_nothing_varies_has_an_axis() -> None:
    chart = cost_against_quality([Point("low", 0.0, 1.0, 1.0, 1.0)], "tokens")
    assert "90 %" in chart and "100 %" in chart


def test_several_results_of_one_suite_have_places_of_their_own(program: Program, tmp_path: Path) -> None:
    paths = [write_results(tmp_path / name, "toy") for name in ("a.jsonl", "b.jsonl")]
    page = tmp_path / "report.html"
    assert program("eval", "report", *paths, "-o", page).code == 0
    text = page.read_text()
    assert text.count('id="toy-1"') == text.count('id="toy-2"') == 1 and 'href="#toy-2"' in text


def test_what_is_no_file_is_not_replaced_by_the_page(program: Program, tmp_path: Path) -> None:
    results, pipe, link = write_results(tmp_path / "toy.jsonl"), tmp_path / "pipe", tmp_path / "link.html"
    os.mkfifo(pipe)
    ran = program("eval", "report", results, "-o", pipe)
    assert (ran.code, pipe.is_fifo()) == (2, True) and "no regular file" in ran.stderr
    ran = program("eval", "run", "walkthrough", "--out", pipe)
    assert ran.code == 2 and "no regular file" in ran.stderr
    link.symlink_to(tmp_path / "page.html")
    assert program("eval", "report", results, "-o", link).code == 0
    assert link.is_symlink() and (tmp_path / "page.html").is_file()


def test_a_page_that_cannot_be_written_is_one_line_and_leaves_nothing(program: Program, tmp_path: Path) -> None:
    results = write_results(tmp_path / "toy.jsonl")
    ran = program("eval", "report", results, "-o", results / "page.html")  # below a file
    assert ran.code == 6 and "cannot be written" in ran.stderr and ran.stderr.count("\n") == 1
    assert not list(tmp_path.glob("*.part"))
