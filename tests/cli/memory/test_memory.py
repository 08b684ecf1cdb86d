"""`opswright memory`, as a person and as a program use it; what is wrong is said in one line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from opswright.knowledge.journal import Journal
from opswright.knowledge.reflections import Evidence, Reflections
from opswright.nouns import Outcome, Verdict
from tests.cli.program import Program, new_program
from tests.knowledge.library import manual

RUN = "20260101-000000-abcdef"


class Lesson:
    """What a run taught."""

    scope, kind, text = "acme", "naming", "buckets start with acme\x1b[31m"
    content: dict[str, Any] = {}  # noqa: RUF012 - never written to


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The real program with an empty home, and a cache of its own."""
    one = new_program(tmp_path)
    return Program(one.folder, {**one.environment, "XDG_CACHE_HOME": str(tmp_path / "cache")})


def write(program: Program, name: str, text: str) -> Path:
    """A file in the working folder."""
    path = program.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def taught(program: Program) -> str:
    """A lesson that one run taught and another was given; its id."""
    journal = Journal(program.state / "journal.sqlite3")
    reflections = Reflections(journal)
    evidence = Evidence("20250101-000000-aaaaaa", "receipt.json", {"ok": 1}, {"ok": 3})
    (id,) = reflections.learn("policy", [Lesson()], Verdict(Outcome.ACCEPTED, "proved"), evidence, "t")
    journal.append(f"recalled/{id}", {"id": id}, run=RUN, task="t1", key=f"{RUN}/t1/recalled/{id}")
    reflections.used([id], True, RUN, "t1")
    journal.close()
    return id


def test_take_in_search_list_show_why_retire_and_take_in_again(program: Program) -> None:
    write(program, "manuals/quota.md", "# Quota\n\n## Soft limit\n\nThe share of the limit at which warnings begin.\n")
    write(program, "manuals/other.md", manual(3))
    write(program, "manuals/tool.py", "print()")
    first = program("memory", "ingest", "manuals", "--domain", "storage", "--json").envelope()["result"]
    assert (first["new"], first["passages"], len(first["left_out"])) == (2, 7, 1)
    assert program("memory", "ingest", "manuals", "--domain", "storage").stdout.startswith(
        "took in 0 new and 0 changed"
    )

    found = program("memory", "search", "when do warnings begin", "--limit", "1", "--json").envelope()["result"][
        "passages"
    ]
    assert [one["section"] for one in found] == ["Quota > Soft limit"]
    text = program("memory", "search", "when do warnings begin", "--domain", "storage").stdout
    assert "The share of the limit" in text and found[0]["id"] in text

    listed = program("memory", "list", "--json").envelope()["result"]["manuals"]
    assert [Path(one["source"]).name for one in listed] == ["other.md", "quota.md"]
    shown = program("memory", "show", listed[1]["id"]).stdout
    assert "sha256 " + listed[1]["hash"] in shown and found[0]["id"] in shown
    assert "The share of the limit" in program("memory", "show", found[0]["id"]).stdout
    assert "still the same" in program("memory", "why", found[0]["id"]).stdout

    assert program("memory", "retire", found[0]["id"], "--dry-run").stdout.startswith("would retire passage")
    assert program("memory", "retire", found[0]["id"], "--why", "out of date").code == 0
    after = program("memory", "search", "when do warnings begin", "--json").envelope()["result"]["passages"]
    assert found[0]["id"] not in [one["id"] for one in after]
    assert "status: retired (out of date)" in program("memory", "show", found[0]["id"]).stdout
    write(program, "manuals/quota.md", "# Quota\n\nChanged.\n")
    assert "changed since" in program("memory", "why", listed[1]["id"]).stdout


def test_lessons_are_shown_with_what_they_rest_on(program: Program) -> None:
    id = taught(program)
    assert id in program("memory", "list").stdout
    of_run = program("memory", "why", RUN)
    assert "receipt receipt.json" in of_run.stdout and "20250101-000000-aaaaaa" in of_run.stdout
    assert "\x1b[31m" not in of_run.stdout and "\\x1b[31m" in of_run.stdout
    result = program("memory", "why", RUN, "--json").envelope()["result"]
    assert [(one["id"], one["tasks"], one["evidence"][0]["receipt"]) for one in result["lessons"]] == [
        (id, ["t1"], "receipt.json")
    ]
    of_lesson = program("memory", "why", id, "--json").envelope()["result"]
    assert of_lesson["uses"] == [{"run": RUN, "task": "t1", "helped": True}]
    assert program("memory", "retire", id, "--json").envelope()["result"]["record"] == "lesson"
    assert program("memory", "list", "--json").envelope()["result"]["lessons"] == []
    every = program("memory", "list", "--all", "--json").envelope()["result"]["lessons"]
    assert [(one["id"], one["status"]) for one in every] == [(id, "retired")]


def test_everything_can_be_written_out_once(program: Program) -> None:
    id = taught(program)
    write(program, "a.md", manual(1))
    program("memory", "ingest", "a.md")
    ran = program("memory", "export", "out.jsonl")
    assert ran.stdout == "wrote 8 lines to out.jsonl\n"
    rows = [json.loads(line) for line in (program.folder / "out.jsonl").read_text().splitlines()]
    assert [row["record"] for row in rows] == ["manual", *["passage"] * 6, "lesson"]
    assert rows[-1]["id"] == id
    assert (program.folder / "out.jsonl").stat().st_mode & 0o777 == 0o600
    again = program("memory", "export", "out.jsonl")
    assert (again.code, again.error_line()) == (2, "error: out.jsonl: exists already; name another file")
    assert program("memory", "export", "no/out.jsonl").code == 2
    assert sorted(path.name for path in program.folder.iterdir()) == ["a.md", "out.jsonl"]


def test_the_index_may_be_deleted_and_made_again(program: Program, tmp_path: Path) -> None:
    write(program, "a.md", manual(1, 12))
    program("memory", "ingest", "a.md", "--domain", "storage")
    search = ("memory", "search", "heal a brick", "--json")
    before = program(*search).stdout
    shutil.rmtree(tmp_path / "cache" / "opswright" / "index")
    assert program(*search).stdout == before
    assert program("memory", "rebuild").stdout == "the index was made again: 12 passages\n"
    assert program(*search).stdout == before


def test_a_file_that_cannot_be_read_does_not_stop_the_others(program: Program) -> None:
    write(program, "a.md", manual(1))
    write(program, "folder/bad\x1b[2J.md", "\0\1\2" * 50)
    write(program, "folder/good.md", manual(2))
    ran = program("memory", "ingest", "folder", "a.md", "--json")
    assert ran.code == 0
    result = ran.envelope()["result"]
    assert (result["new"], [one["why"] for one in result["left_out"]]) == (
        2, ["it is a binary file, in no format that is read here"],
    )  # fmt: skip
    ran = program("memory", "ingest", "absent.md", "a.md", "folder")
    assert ran.code == 2
    assert ran.error_line().startswith("error: absent.md: it cannot be read: No such file")
    assert "2 were there already" in ran.stdout and "\x1b[2J" not in ran.stdout


WRONG: dict[str, tuple[list[str], int, str]] = {
    "nothing to take in": (["ingest"], 2, "PATH"),
    "one absent file": (["ingest", "absent.md"], 2, "absent.md"),
    "a domain": (["ingest", "x.md", "--domain", "No Domain"], 2, "No Domain"),
    "a domain to search": (["search", "x", "--domain", "../x"], 2, "../x"),
    "a question without words": (["search", "?"], 2, "word"),
    "an unknown id to show": (["show", "0123456789abcdef"], 2, "0123456789abcdef"),
    "an unknown id to explain": (["why", "nothing\x1b[1m"], 2, "memory list"),
    "an unknown id to retire": (["retire", "nothing"], 2, "memory list"),
    "a limit": (["search", "x", "--limit", "0"], 2, "limit"),
    "no such command": (["remember"], 2, "remember"),
}


@pytest.mark.parametrize("json_wanted", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_one_line(program: Program, name: str, json_wanted: bool) -> None:
    arguments, code, says = WRONG[name]
    ran = program("memory", *arguments, *(["--json"] if json_wanted else []))
    assert ran.code == code
    line = ran.error_line()
    assert says in line and "\x1b[1m" not in line
    if json_wanted:
        assert ran.envelope()["error"]["exit_code"] == code
    assert not program.state.exists(), "looking makes nothing"


def test_nothing_is_remembered_yet(program: Program) -> None:
    assert program("memory", "list").stdout.startswith("nothing is remembered yet")
    assert "nothing fits" in program("memory", "search", "x").stdout
    assert program("memory", "rebuild").stdout == "the index was made again: 0 passages\n"
    assert not program.state.exists()


def test_a_dry_run_takes_nothing_in(program: Program) -> None:
    write(program, "a.md", manual(1))
    assert program("memory", "ingest", "a.md", "--dry-run").stdout.startswith("would take in 1 new")
    assert program("memory", "rebuild", "--dry-run").code == 0
    assert program("memory", "export", "out", "--dry-run").stdout.startswith("would write 0 lines")
    assert not program.state.exists()
    assert [path.name for path in program.folder.iterdir()] == ["a.md"]


def configure(program: Program, text: str) -> None:
    """The user's own settings."""
    path = Path(program.environment["HOME"]) / ".config" / "opswright" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_another_embedder_names_the_command_that_helps(program: Program) -> None:
    write(program, "a.md", manual(1))
    program("memory", "ingest", "a.md")
    configure(program, '[memory]\nembedder = "endpoint"\nembedding_model = "small"\n')
    ran = program("memory", "search", "heal")
    assert ran.code == 2
    assert "memory rebuild" in ran.error_line()


def test_a_server_that_is_not_there(program: Program) -> None:
    write(program, "a.md", manual(1))
    configure(program, '[memory]\nindex = "server"\nport = 9\n')
    ran = program("memory", "ingest", "a.md")
    assert ran.code == 6
    assert "chroma run" in ran.error_line()
    assert ran.stdout.startswith("took in 1 new")
    configure(program, "")
    assert program("memory", "search", "heal", "--json").envelope()["result"]["passages"], (
        "the journal has it all the same"
    )
