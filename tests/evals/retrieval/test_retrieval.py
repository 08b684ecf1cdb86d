"""The retrieval suite: what counts as right, how rows are summed up, and the real manuals where they are installed."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opswright.errors import EnvironmentFailed
from opswright.evals.cases import read_cases
from opswright.evals.finding import find_suite
from opswright.evals.retrieval import manuals
from opswright.evals.retrieval.parts import KINDS, Questions, right
from opswright.evals.suites import Case
from tests.live import unavailable
from tests.processes import wait_for

Json = Any
FOLDER = find_suite("retrieval").cases
HALVES = ("development", "judged")


def test_an_option_is_right_by_its_entry_alone() -> None:
    gold = [{"options": ["a.size", "a.limit"]}]
    assert right(gold, "options.xml", "a.size\na.size\nHow large it is.")
    assert not right(gold, "options.xml", "b.size\nUnlike a.size, this is small.")
    assert not right(gold, "a.8", "a.size\n")


def test_a_page_is_right_where_it_holds_the_flag() -> None:
    gold = [{"pages": ["tool"], "holds": "--fast <N>"}]
    assert right(gold, "tool", "OPTIONS\n--fast\n   <N>\nGoes fast.")
    assert not right(gold, "tool", "OPTIONS\n--slow\nGoes slowly.")
    assert not right(gold, "other", "--fast <N>")


@pytest.mark.parametrize("half", HALVES)
def test_the_questions_are_well_formed_and_of_all_kinds(half: str) -> None:
    cases = read_cases(FOLDER / f"{half}.jsonl")
    assert len(cases) == 40
    assert set(Counter(case.data["kind"] for case in cases)) == set(KINDS)
    for case in cases:
        assert set(case.data) == {"kind", "question", "gold"}
        for one in case.data["gold"]:
            assert set(one) in ({"options"}, {"pages", "holds"}), case.id
            assert set(one.get("pages", ())) <= set(manuals.PAGES), case.id


def test_no_question_is_in_both_halves() -> None:
    texts = [{case.data["question"] for case in read_cases(FOLDER / f"{half}.jsonl")} for half in HALVES]
    assert not texts[0] & texts[1]


def row(kind: str, words: int | None, hybrid: int | None) -> Json:
    ranks = {"BM25": words, "hybrid": hybrid}
    return {
        "kind": kind,
        "ranks": {"right collection": ranks, "all collections": ranks},
        "manuals": {"digest": "d", "passages": 9, "options": 3},
        "rows": {},
    }


def test_rows_are_summed_up() -> None:
    rows = {"a": row("lookup", 2, 1), "b": row("lookup", None, 4), "c": row("flag", 1, 1), "d": {"error": "no"}}
    summary = Questions("judged", Path("x")).summarise(rows)
    figures = summary.figures["views"]["right collection"]
    assert (figures["BM25"]["hit1"], figures["BM25"]["hit5"]) == (1, 2)
    assert (figures["hybrid"]["hit1"], figures["hybrid"]["hit5"]) == (2, 3)
    assert figures["BM25"]["mrr"]["value"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert figures["hybrid"]["mrr"]["value"] == pytest.approx((1 + 0.25 + 1) / 3)
    assert summary.figures["gain"]["value"] == pytest.approx((0.5 + 0.25 + 0) / 3)
    [goal] = summary.goals
    assert goal.met is True
    worse = {"a": row("lookup", 1, 2)}
    assert Questions("judged", Path("x")).summarise(worse).goals[0].met is False
    assert Questions("development", Path("x")).summarise(worse).goals == ()


def test_nothing_measured_is_said() -> None:
    [goal] = Questions("judged", Path("x")).summarise({"a": {"error": "no"}}).goals
    assert goal.met is None


def test_what_is_not_installed_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EnvironmentFailed, match="not installed: bwrap, glusterd, gluster"):
        manuals.option_help()


# -- with the real manuals


@pytest.fixture(scope="module")
def installed() -> Iterator[None]:
    missing = [name for name in ("bwrap", "glusterd", "gluster") if shutil.which(name) is None]
    if missing or not (manuals.MAN / "gluster.8.gz").is_file():
        unavailable("GlusterFS with its man pages, and bubblewrap, are not installed")
    yield


def running() -> set[str]:
    """The glusterd processes of this machine."""
    found = subprocess.run(["pgrep", "-x", "glusterd"], capture_output=True, text=True, check=False).stdout
    return set(found.split())


@pytest.mark.live
def test_a_private_glusterd_tells_its_options_and_leaves_nothing(installed: None) -> None:
    state = Path("/var/lib/glusterd")
    before, kept = running(), sorted(path.name for path in state.glob("*"))
    text = manuals.option_help()
    assert text.count(b"<option>") > 200
    wait_for(lambda: running() <= before, "the end of a glusterd")
    assert sorted(path.name for path in state.glob("*")) == kept


@pytest.mark.live
def test_every_question_has_an_answer_in_the_manuals(installed: None, tmp_path: Path) -> None:
    from opswright.knowledge.ingest.reading import read_manual

    options = tmp_path / "options.xml"
    options.write_bytes(manuals.option_help())
    passages = [
        (path.name.removesuffix(".8.gz"), f"{chunk.section}\n{chunk.text}")
        for path in (options, *manuals.pages())
        for chunk in read_manual(path).chunks
    ]
    names = {whole.split("\n", 1)[0] for source, whole in passages if source == "options.xml"}
    for half in HALVES:
        for case in read_cases(FOLDER / f"{half}.jsonl"):
            gold = case.data["gold"]
            assert any(right(gold, *passage) for passage in passages), case.id
            wanted = {name for one in gold for name in one.get("options", ())}
            assert wanted <= names, case.id
            count = sum(right(gold, *passage) for passage in passages)
            assert count <= 20, f"{case.id}: {count} passages would count as right"


@pytest.mark.live
def test_the_suite_measures_the_products_library(installed: None) -> None:
    part = Questions("development", FOLDER / "development.jsonl", others=("mount", "fstrim"))
    case = Case(
        "own", {"kind": "lookup", "question": "network.ping-timeout", "gold": [{"options": ["network.ping-timeout"]}]}
    )
    found = part.run(case)
    assert found["ranks"]["right collection"]["hybrid"] == 1
    assert found["ranks"]["all collections"]["BM25"] == 1
    assert found["passed"] and found["score"] == 1
    assert found["manuals"]["options"] > 200
