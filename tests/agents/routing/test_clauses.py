"""Clauses and their order: where a request is cut, what is not cut, what comes first."""

import pytest

from opswright.agents.routing import Step, read_fields, route
from opswright.agents.routing.clauses import cut, looked_at
from opswright.agents.routing.vocabulary import read_vocabulary

FIELDS = read_fields({})


def clauses(text: str) -> list[str]:
    found = cut(text, read_vocabulary())
    return [text[found.tokens[one.first].start : found.tokens[one.last - 1].end] for one in found.clauses]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Parse a.log, then fix role.json", ["Parse a.log", "then fix role.json"]),
        ("Check e.g. the bucket.", ["Check e.g. the bucket"]),
        ("Is it (a. Then b) public?", ["Is it (a. Then b) public"]),
        ("Before you kill the broker, count the rows", ["Before you kill the broker", "count the rows"]),
        ("What happened right before the crash?", ["What happened right before the crash"]),
        ("Kill nginx and the api container", ["Kill nginx and the api container"]),
        ("查看日志，然后修复策略", ["查看日志", "然后修复策略"]),  # noqa: RUF001
        ("", []),
        ("?!", []),
    ],
)
def test_a_request_is_cut_between_clauses(text: str, parts: list[str]) -> None:
    assert clauses(text) == parts


def steps(text: str) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(step.specialist, step.goal, step.after) for step in route(text, (), FIELDS).steps]


A, B = "count the timeouts in web.log", "repair the bucket policy exports.json"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("Count the timeouts in web.log, then repair the bucket policy exports.json", (0,)),
        ("Count the timeouts in web.log. After that, repair the bucket policy exports.json.", (0,)),
        ("Repair the bucket policy exports.json, but first count the timeouts in web.log", (0,)),
        ("Before you repair the bucket policy exports.json, count the timeouts in web.log", (0,)),
        ("Repair the bucket policy exports.json after you have counted the timeouts in web.log", (0,)),
        ("Once you have counted the timeouts in web.log, repair the bucket policy exports.json", (0,)),
        ("Count the timeouts in web.log; also repair the bucket policy exports.json", ()),
        ("count the timeouts in web.log + repair the bucket policy exports.json", ()),
        ("Zähl die Timeouts in web.log und reparier danach die Bucket-Policy exports.json", (0,)),
        ("Reparier die Bucket-Policy exports.json, aber zähl zuerst die Timeouts in web.log", (0,)),
        ("Avant de réparer la politique du bucket exports.json, compte les erreurs dans web.log", (0,)),
        ("先统计 web.log 里的超时错误，然后修复存储桶策略 exports.json", (0,)),  # noqa: RUF001
        ("web.log のエラーを調べてから、バケットポリシー exports.json を直してください", (0,)),
    ],
)
def test_what_comes_first_is_done_first(text: str, after: tuple[int, ...]) -> None:
    assert [(name, waits) for name, _, waits in steps(text)] == [("logs", ()), ("policy", after)]


def test_a_task_is_told_in_the_user_s_own_words() -> None:
    assert steps("First count the timeouts in web.log, then repair the bucket policy exports.json.") == [
        ("logs", A, ()),
        ("policy", f"{B}.", (0,)),
    ]
    assert [
        goal for _, goal, _ in steps("¿Es público el bucket exports? ¿Y cuántos clientes hay por país en crm.db?")
    ] == [
        "¿Es público el bucket exports?",
        "cuántos clientes hay por país en crm.db?",
    ]


def test_one_specialist_s_work_is_one_task_with_all_its_words() -> None:
    text = "  Find out why gv0 is slow. Then tune it, and measure again with fio. "
    assert steps(text) == [("storage", text.strip(), ())]
    assert route(text, (), FIELDS).steps == (Step("storage", text.strip()),)


def test_what_is_nobody_s_is_left_out() -> None:
    found = steps("Repair the bucket policy exports.json. Then write a poem about the sea.")
    assert [name for name, _, _ in found] == ["policy"]


def test_of_a_very_long_request_both_ends_are_looked_at() -> None:
    paste = "x = 1\n" * 100_000
    request = f"Here it is:\n{paste}\nWhich errors are most frequent in app.log?"
    assert len(looked_at(request)) < 7000
    (step,) = route(request, (), FIELDS).steps
    assert step.specialist == "logs" and step.goal == request
