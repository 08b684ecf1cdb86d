"""Changes are counted, documents written back as they were, new access listed with an example."""

import json

from hypothesis import given, settings

from opswright.agents.policy.changes import changes, new_grants
from opswright.agents.policy.exclusion import others
from opswright.agents.policy.narrowing import narrows
from opswright.agents.policy.repair import written
from opswright.agents.policy.setting import Setting
from opswright.agents.policy.value import policy_value
from opswright.nouns import Json
from opswright.tools.iam import actions
from opswright.tools.iam.compare import new_access
from opswright.tools.iam.parser import parse_policy, policy_from_value
from tests.agents.policy.samples import allow, deny, document, policy
from tests.agents.policy.test_strict import problems


@settings(max_examples=80, deadline=None)
@given(problems())
def test_unchanged_statements_are_the_same_document(problem: tuple[Json, Json]) -> None:
    found = policy_from_value(problem[0])
    assert policy_value(found, found.statements) == problem[0]


@settings(max_examples=80, deadline=None)
@given(problems(), problems())
def test_what_is_called_narrower_allows_nothing_new(one: tuple[Json, Json], other: tuple[Json, Json]) -> None:
    old, new = (policy_from_value(problem[0]).statements[0] for problem in (one, other))
    if narrows(old, new):
        wide = {**one[0], "Statement": [*one[0]["Statement"][:1], allow("*", "*") | principal_of(one[0])]}
        changed = {**wide, "Statement": [other[0]["Statement"][0], wide["Statement"][1]]}
        assert new_access(policy_from_value(changed), policy_from_value(wide)).new_access is False


def principal_of(value: Json) -> dict[str, Json]:
    named = any("Principal" in name for statement in value["Statement"] for name in statement)
    return {"Principal": "*"} if named else {}


def test_a_source_keeps_its_layout() -> None:
    source = '{"Version": "2012-10-17",\n  "Statement": {"Effect": "Allow",\n    "Action": "s3:*", "Resource": "*"}}\n'
    parsed = parse_policy(source)
    assert written(parsed, parsed.value) == source
    value = json.loads(source)
    value["Statement"]["Action"] = "s3:Get*"
    assert written(parsed, value) == source.replace('"s3:*"', '"s3:Get*"')


def test_edits_are_counted_by_statement_and_element() -> None:
    old = policy(allow("s3:*", "*"), deny("sqs:*", "*"))
    new = policy(allow("s3:Get*", "arn:aws:s3:::b/*"), deny("sqs:*", "*"), allow("sns:*", "*"))
    found = changes(old, new)
    assert (found.statements, found.elements) == (2, 5)


def test_dropping_the_first_statement_is_one_change() -> None:
    old = policy(allow("s3:*", "*"), deny("sqs:*", "*"), allow("sns:*", "*"))
    found = changes(old, policy(deny("sqs:*", "*"), allow("sns:*", "*")))
    assert (found.statements, found.elements) == (1, 3)


def test_new_access_names_the_statement_and_an_example() -> None:
    old = policy(allow("s3:GetObject", "arn:aws:s3:::b/x"), deny("sqs:*", "*"), allow("sqs:*", "*"))
    new = policy(allow("s3:GetObject", "arn:aws:s3:::b/*"), allow("sqs:*", "*"))
    grants = list(new_grants(old, new))
    assert [(grant["statement"], grant["change"]) for grant in grants] == [(1, "allows"), (2, "no longer denies")]
    assert grants[0]["example"]["resource"].startswith("arn:aws:s3:::b/")
    assert grants[1]["example"]["action"].startswith("sqs:")


def test_all_actions_but_one_are_written_with_wildcards() -> None:
    setting = Setting(policy(allow("s3:*", "*")), actions.load())
    texts = others("s3:*", "s3:getobject", setting)
    matched = {name for text in texts for name in actions.load().matching(text)}
    assert matched == set(actions.load().matching("s3:*")) - {"s3:getobject"}
    assert len(texts) < 80
    assert document()["Statement"] == []
