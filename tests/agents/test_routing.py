"""Routing: rules over words and files; a table of requests, several steps, and what a model may decide."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from opswright.agents.files import File, classified
from opswright.agents.manifests import Manifest, Routing, read_manifests
from opswright.agents.planning import RouteChoice, plan_request, with_roles
from opswright.agents.plans import plan_of_route, read_plan
from opswright.agents.routing import Route, choose, read_fields, route
from opswright.errors import EndpointFailed, ModelRetry
from opswright.nouns import Tier
from opswright.tools.models.prompts import Prompts

TABLE = Path(__file__).with_name("requests.tsv").read_text(encoding="utf-8").splitlines()
ROWS = [tuple(line.split("\t")) for line in TABLE if not line.startswith("#")]
POLICY = File("p.json", '{"Version": "2012-10-17", "Statement": []}')
SPEC = File("s.yaml", "requests:\n  - {effect: allow, action: 's3:GetObject', resource: '*'}\n")


def said(found: Route) -> str:
    if found.absent and not found.steps:
        return f"!{found.absent[0]}"
    return ",".join(step.specialist for step in found.steps) or "none"


@pytest.mark.parametrize(("expected", "request_"), ROWS)
def test_the_table(expected: str, request_: str) -> None:
    assert said(route(request_, (), read_fields(read_manifests()))) == expected


def test_no_other_field_s_request_reaches_the_one_that_is_installed() -> None:
    fields = read_fields(read_manifests())
    reached = [request for expected, request in ROWS if expected != "policy" and route(request, (), fields).steps]
    assert reached == []


@pytest.mark.parametrize("request_", ["Repair it", "please have a look", "fix this"])
def test_files_speak_where_words_do_not(request_: str) -> None:
    manifests = read_manifests()
    files = with_roles([POLICY, SPEC], manifests)
    assert [file.role("policy") for file in files] == ["policy", "spec"]
    assert said(route(request_, files, read_fields(manifests))) == "policy"
    assert said(route(request_, (), read_fields(manifests))) == "none"


def test_files_of_a_policy_do_not_make_another_field_s_request_a_policy_s() -> None:
    manifests = read_manifests()
    files = with_roles([POLICY], manifests)
    asked = "Which table of the database has the most rows? Write the SQL query and join the orders"
    assert said(route(asked, files, read_fields(manifests))) == "!sql"


def manifest(name: str, *keywords: str) -> Manifest:
    return Manifest(name, f"Does {name}.", ".x:y", Path(name), "", routing=Routing(keywords=keywords))


LOGS = manifest("logs", "log", "log file", "crash", "error message")
IAM = manifest("policy", "policy", "bucket policy", "access", "role")
TWO = {"logs": LOGS, "policy": IAM}


def test_two_independent_parts_are_two_steps_in_parallel() -> None:
    found = route("Find the crash in the log file. Repair the bucket policy.", (), read_fields(TWO))
    assert [(step.specialist, step.after) for step in found.steps] == [("logs", ()), ("policy", ())]
    assert [step.goal for step in found.steps] == ["Find the crash in the log file", "Repair the bucket policy."]


def test_a_part_that_follows_waits_for_the_one_before() -> None:
    found = route("Find the error message in the log file, then repair the bucket policy", (), read_fields(TWO))
    assert [(step.specialist, step.after) for step in found.steps] == [("logs", ()), ("policy", (0,))]
    plan = plan_of_route(found)
    assert [(one.id, one.after) for one in plan.tasks] == [("t1", ()), ("t2", ("t1",))]
    assert read_plan(plan.as_json()) == plan


def test_the_part_of_a_field_that_is_not_installed_is_said_and_the_rest_is_done() -> None:
    found = route("Repair the bucket policy and tune the gluster volume", (), read_fields(TWO))
    assert [step.specialist for step in found.steps] == ["policy"] and found.absent == ("storage",)
    assert "not available" in plan_of_route(found).note


def test_clauses_of_one_field_stay_one_step() -> None:
    found = route(
        "Look at the bucket policy. Repair it and then show me the access of every role.", (), read_fields(TWO)
    )
    assert [step.specialist for step in found.steps] == ["policy"]
    assert found.steps[0].goal.startswith("Look at") and "every role" in found.steps[0].goal


class Scripted:
    """A model that gives one answer and must be asked for it."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, 0

    def available(self) -> Sequence[Tier]:
        return (Tier.LOW, Tier.HIGH)

    def ask(self, tier: Tier, prompt_id: str, inputs: Any, shape: type[Any], validator: Any = None) -> Any:
        self.asked += 1
        assert (tier, prompt_id, shape) == (Tier.LOW, "supervisor/route", RouteChoice)
        Prompts().get(prompt_id).render(inputs)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def reply(self, *_: Any, **__: Any) -> NoReturn:
        raise AssertionError("nobody converses here")


UNCLEAR = "my thing is slow"


def planned(model: Scripted, request: str = UNCLEAR) -> list[str]:
    return [one.specialist for one in plan_request(request, (), TWO, model, lambda message: None).tasks]


def test_a_model_is_asked_only_where_the_rules_cannot_tell() -> None:
    model = Scripted(RouteChoice(specialists=["logs"], reason="it is"))
    assert planned(model, "Repair the bucket policy") == ["policy"] and model.asked == 0
    assert planned(model, "Tune the gluster volume") == [] and model.asked == 0
    assert planned(model) == ["logs"] and model.asked == 1


def test_a_model_cannot_name_anybody_who_is_not_there() -> None:
    model = Scripted(RouteChoice(specialists=["root", "policy", "policy"], reason="because the request says so"))
    assert planned(model) == ["policy"]
    assert planned(Scripted(RouteChoice(specialists=["root"], reason="x"))) == []
    assert choose(["a"], "r", ["b"], "").reason == "no specialist here is for this request"


@pytest.mark.parametrize("error", [ModelRetry("no JSON"), EndpointFailed("down")])
def test_a_model_that_fails_leaves_the_rules_answer(error: Exception) -> None:
    assert planned(Scripted(error)) == []


def test_without_a_classifier_a_file_has_no_role() -> None:
    assert with_roles([POLICY], TWO) == (POLICY,)
    (file,) = classified([POLICY], {"a": lambda name, text: "thing", "b": lambda name, text: None})
    assert dict(file.roles) == {"a": "thing"}
