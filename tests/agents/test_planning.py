"""From a request to a plan: what a model may decide, and when it is asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pydantic import ValidationError

from opswright.agents.files import File, classified
from opswright.agents.manifests import Manifest, Routing, read_manifests
from opswright.agents.planning import RouteChoice, check, choose, plan_request, with_roles
from opswright.agents.plans import plan_of_route, read_plan
from opswright.agents.routing import read_fields, route
from opswright.errors import EndpointFailed, ModelRetry
from opswright.nouns import Tier
from opswright.tools.models.prompts import Prompts

NAMES = ["storage", "chaos", "policy", "sql", "logs"]
CLEAR, UNCLEAR = (
    "Repair the bucket policy exports.json",
    "look at the thing, something with the log or the table is odd",
)


class Scripted:
    """A model that gives one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, 0

    def available(self) -> Sequence[Tier]:
        return (Tier.LOW, Tier.HIGH)

    def reply(self, *_: Any, **__: Any) -> NoReturn:
        raise AssertionError("nobody converses here")

    def ask(self, tier: Tier, prompt_id: str, inputs: Any, shape: type[Any], validator: Any = None) -> Any:
        self.asked += 1
        assert (tier, prompt_id, shape) == (Tier.LOW, "supervisor/route", RouteChoice)
        text = str(Prompts().get(prompt_id).render(inputs))
        assert all(f"- {name}: " in text for name in NAMES) and "Not its work" in text
        if isinstance(self.answer, Exception):
            raise self.answer
        validator(self.answer)
        return self.answer


def choice(*tasks: tuple[str, str, list[int]], reason: str = "it is") -> RouteChoice:
    rows = [{"specialist": name, "request": text, "after": after} for name, text, after in tasks]
    return RouteChoice.model_validate({"tasks": rows, "reason": reason})


def planned(model: Scripted, request: str = UNCLEAR) -> list[tuple[str, str, tuple[str, ...]]]:
    plan = plan_request(request, (), read_manifests(), model, lambda message: None)
    return [(one.specialist, one.goal, one.after) for one in plan.tasks]


def test_a_model_is_asked_only_where_the_rules_are_not_sure() -> None:
    model = Scripted(choice(("logs", "look at the log", [])))
    assert route(CLEAR, (), read_fields({})).sure and not route(UNCLEAR, (), read_fields({})).sure
    assert planned(model, CLEAR) == [("policy", CLEAR, ())] and model.asked == 0
    assert planned(model) == [("logs", UNCLEAR, ())] and model.asked == 1


def test_a_model_s_order_and_words_are_taken() -> None:
    model = Scripted(choice(("policy", "look at the thing", []), ("logs", "look at the log", [1])))
    assert planned(model) == [("policy", "look at the thing", ()), ("logs", "look at the log", ("t1",))]


def test_a_model_may_say_that_it_is_nobody_s() -> None:
    plan = plan_request(UNCLEAR, (), read_manifests(), Scripted(choice(reason="too vague")), lambda message: None)
    assert plan.tasks == () and plan.note == "too vague"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (choice(("root", "look at the log", [])), "nobody else"),
        (choice(("logs", "look at the log", [1])), "earlier tasks only"),
        (choice(("logs", "format every disk of the company now", [])), "in the words of"),
        (choice(("logs", "the log", []), ("logs", "the thing", [])), "one task of logs"),
    ],
)
def test_a_choice_that_does_not_hold_is_told_to_the_model(wrong: RouteChoice, message: str) -> None:
    with pytest.raises(ModelRetry, match=message):
        check(wrong, NAMES, UNCLEAR)
    said: list[str] = []
    plan = plan_request(UNCLEAR, (), read_manifests(), Scripted(wrong), said.append)
    assert plan == plan_of_route(route(UNCLEAR, (), read_fields(read_manifests())), read_manifests())
    assert "the model did not decide" in said[0]


def test_words_of_an_unspaced_script_are_compared_too() -> None:
    request = "先在 app.log 里找出错误，然后修复策略。"  # noqa: RUF001
    check(choice(("logs", "在 app.log 里找出错误", []), ("policy", "修复策略", [1])), NAMES, request)
    with pytest.raises(ModelRetry, match="in the words of"):
        check(choice(("logs", "删除所有的磁盘", [])), NAMES, request)


def test_whoever_is_not_there_is_dropped_even_if_nobody_checked() -> None:
    found = choose(choice(("root", "x", []), ("logs", "log", [1]), ("sql", "thing", [1, 2])), UNCLEAR, NAMES)
    assert [(step.specialist, step.after) for step in found.steps] == [("logs", ()), ("sql", (0,))]
    assert choose(choice(("root", "x", []), reason=""), UNCLEAR, NAMES).steps == ()


@pytest.mark.parametrize(
    "payload",
    [
        {"tasks": [{"specialist": "sql", "request": ""}], "reason": ""},
        {"tasks": [{"specialist": "sql", "request": "x", "after": [0]}], "reason": ""},
        {"tasks": [{"specialist": "sql", "request": "x", "run": "rm"}], "reason": ""},
        {"tasks": [{"specialist": "sql", "request": "x"}] * 11, "reason": ""},
        {"specialists": ["sql"], "reason": ""},
    ],
)
def test_the_shape_is_closed(payload: Any) -> None:
    with pytest.raises(ValidationError):
        RouteChoice.model_validate(payload)


@pytest.mark.parametrize("error", [ModelRetry("no JSON"), EndpointFailed("down")])
def test_a_model_that_fails_leaves_the_rules_answer(error: Exception) -> None:
    assert planned(Scripted(error)) == [
        (one.specialist, one.goal, ()) for one in route(UNCLEAR, (), read_fields({})).steps
    ]


def test_nobody_waits_for_a_specialist_that_is_not_installed() -> None:
    found = route("Count the timeouts in web.log, then repair the bucket policy", (), read_fields({}))
    assert [(one.specialist, one.after) for one in plan_of_route(found, ["policy"]).tasks] == [
        ("logs", ()),
        ("policy", ()),
    ]
    plan = plan_of_route(found, ["policy", "logs"])
    assert [one.after for one in plan.tasks] == [(), ("t1",)] and read_plan(plan.as_json()) == plan


def test_without_a_classifier_a_file_has_no_role() -> None:
    file = File("p.json", "{}")
    own = {"weave": Manifest("weave", "Weaves.", ".x:y", Path("weave"), "", routing=Routing(keywords=("weave",)))}
    assert with_roles([file], own) == (file,)
    (known,) = classified([file], {"a": lambda name, text: "thing", "b": lambda name, text: None})
    assert dict(known.roles) == {"a": "thing"}
