"""Cases as data: folders and lines, and what is refused with its place."""

from pathlib import Path

import pytest

from opswright.errors import InputError
from opswright.evals.cases import read_cases


def _lines(at: Path, *lines: str) -> Path:
    path = at / "cases.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_folders_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a", "c.1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "case.toml").write_text(f'request = "{name}"\n[expect]\nstatus = "accepted"\n')
    (tmp_path / "no-case").mkdir()
    (tmp_path / "a" / "policy.json").write_text("{}")
    cases = read_cases(tmp_path)
    assert [case.id for case in cases] == ["a", "b", "c.1"]
    assert cases[0].data == {"request": "a", "expect": {"status": "accepted"}}
    assert cases[0].folder == tmp_path / "a"


def test_lines_keep_their_order_and_any_text(tmp_path: Path) -> None:
    odd = "one\u2028line, \x85 and \u202e all the same"
    cases = read_cases(_lines(tmp_path, f'{{"id": "z/1", "text": "{odd}"}}', "", '{"id": "a", "n": [1, null]}'))
    assert [(case.id, case.data) for case in cases] == [("z/1", {"text": odd}), ("a", {"n": [1, None]})]
    assert cases[0].folder is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (('{"id": "a"}', "{"), r"cases\.jsonl:2: is no JSON"),
        (('{"id": "a"}', '{"id": "a"}'), r"cases\.jsonl:2: case a is on line 1 already"),
        (('{"name": "a"}',), r'cases\.jsonl:1: a case is an object with an "id"'),
        (("[1]",), r'cases\.jsonl:1: a case is an object with an "id"'),
        (('{"id": "../a"}',), r'cases\.jsonl:1: a case is an object with an "id"'),
        (('{"id": "a/../b"}',), r'cases\.jsonl:1: a case is an object with an "id"'),
        (('{"id": "a\\nb"}',), r'cases\.jsonl:1: a case is an object with an "id"'),
        (('{"id": 7}',), r'cases\.jsonl:1: a case is an object with an "id"'),
        (("[" * 100_000,), r"cases\.jsonl:1: is no JSON"),
        (("",), "the file is empty"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_cases(_lines(tmp_path, *lines))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("request = ", "case.toml: is no case"),
        ("when = 2026-01-01", "holds what JSON cannot"),
        ("limit = inf", "holds what JSON cannot"),
        ('a = "\udcff"', "is no case"),
    ],
)
def test_bad_case_files_are_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "case.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=message):
        read_cases(tmp_path)


@pytest.mark.parametrize("name", ["missing", "missing.jsonl", "empty"])
def test_where_there_are_no_cases(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="there are no cases"):
        read_cases(tmp_path / name)


def test_a_folder_with_a_name_that_is_no_id(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "case.toml").write_text("")
    with pytest.raises(InputError, match="is named with letters"):
        read_cases(tmp_path)
