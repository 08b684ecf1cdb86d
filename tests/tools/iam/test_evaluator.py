"""What the table of cases does not say: errors, odd values, near misses, and that every decision ends."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opswright.errors import InputError
from opswright.nouns import Json
from opswright.tools.iam import variables
from opswright.tools.iam.conditions import condition_holds, value_matches
from opswright.tools.iam.coverage import idle_because_of
from opswright.tools.iam.document import ConditionTest, Entry, Policy, Request
from opswright.tools.iam.evaluator import decide, mismatches, statement_matches
from opswright.tools.iam.operators import OPERATORS
from opswright.tools.iam.parser import policy_from_value
from tests.tools.iam.data import CORPORA, policy_data


def holds(operator: str, value: str, *given: str, quantifier: Json = None) -> bool:
    test = ConditionTest(operator, "k", (Entry(value),), quantifier)
    return condition_holds(test, Request("a:b", "*", None, {"k": given} if given else {}), True)


def test_an_unqualified_operator_takes_one_value() -> None:
    with pytest.raises(InputError, match="StringEquals on k takes one value, the request has 2"):
        holds("StringEquals", "a", "a", "b")
    assert holds("Null", "false", "a", "b")
    assert holds("StringEquals", "a", "b", "a", quantifier="ForAnyValue")


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_what_cannot_be_read_meets_nothing(operator: str) -> None:
    values = {
        "numeric": "1",
        "date": "2020-01-01",
        "ip": "10.0.0.0/8",
        "bool": "true",
        "binary": "QQ==",
        "null": "false",
    }
    family = OPERATORS[operator].family
    if family in ("numeric", "date", "ip", "bool", "binary"):
        assert holds(operator, values[family], "not a value!") == OPERATORS[operator].negated
    if family == "arn":
        assert holds(operator, "arn:aws:s3:::b", "arn:aws:s3:b") == OPERATORS[operator].negated
        assert holds(operator, "arn:aws:s3:*", "arn:aws:s3:::b") == OPERATORS[operator].negated


def test_the_engine_and_the_evaluator_share_one_reading() -> None:
    assert value_matches("StringNotLike", "a*", "abc") and not holds("StringNotLike", "a*", "abc")
    assert value_matches("NotIpAddress", "10.0.0.0/8", "10.1.1.1")
    assert value_matches("DateNotEquals", "2020", "2020-01-01T00:00:00Z")


def test_near_misses_name_the_elements() -> None:
    policy = policy_from_value(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "NotPrincipal": {"AWS": "123456789012"},
                "NotAction": "s3:*",
                "NotResource": "arn:aws:s3:::b",
                "Condition": {"Null": {"k": "true"}},
            },
        }
    )
    statement = policy.statements[0]
    request = Request("s3:GetObject", "arn:aws:s3:::b", "123456789012", {"k": ("v",)})
    assert mismatches(policy, statement, request) == ("NotAction", "NotResource", "NotPrincipal", "Condition")
    other = Request("ec2:RunInstances", "*", None, {})
    assert mismatches(policy, statement, other) == () and statement_matches(policy, statement, other)


def test_a_request_without_a_principal_is_judged_without_principals() -> None:
    policy = policy_from_value(
        {"Statement": {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "*", "Resource": "*"}}
    )
    assert decide(policy, Request("a:b", "*")).allowed
    assert not decide(policy, Request("a:b", "*", "999999999999")).allowed


def test_version_counts_for_the_policy_that_holds_the_statement() -> None:
    value = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "${aws:username}"}}
    new = policy_from_value(value)
    old = policy_from_value({**value, "Version": "2008-10-17"})
    request = Request("a:b", "bob", None, {"aws:username": ("bob",)})
    assert statement_matches(new, old.statements[0], request) and not statement_matches(old, new.statements[0], request)


VARIABLES = [
    ("a${aws:username}b", ("a", "aws:username", "b")),
    ("${ aws:UserName , 'x y' }", ("aws:username=x y",)),
    ("${*}${?}${$}", ("!*", "!?", "!$")),
    ("a${b", ("a${b",)),
    ("$x {y} ${}", ("$x {y} ", "")),
    ("${${aws:username}}", ("${", "aws:username", "}")),
    ("${aws:PrincipalTag/a b}", ("aws:principaltag/a b",)),
]


@pytest.mark.parametrize(("text", "expected"), VARIABLES)
def test_pieces(text: str, expected: tuple[str, ...]) -> None:
    shown = []
    for piece in variables.pieces(text):
        if isinstance(piece, variables.Variable):
            shown.append(piece.key + (f"={piece.default}" if piece.default is not None else ""))
        else:
            shown.append(("!" if isinstance(piece, variables.Fixed) else "") + piece.text)
    assert tuple(shown) == expected


@given(st.text(alphabet="ab${}*?,' :", max_size=12))
def test_any_text_splits_into_pieces(text: str) -> None:
    pieces = variables.pieces(text)
    assert pieces
    if "${" not in text:
        assert variables.plain(variables.substitute(text, {}) or ()) == text


def request_for(policy: Policy, chance: random.Random) -> Request:
    """Some request made of the policy's own words, so that statements match often."""

    def word(text: str) -> str:
        return text.replace("*", chance.choice(["", "x", "a/b"])).replace("?", "q")

    statement = chance.choice(policy.statements)
    context = {}
    for test in statement.conditions:
        if chance.random() < 0.8:
            context[test.key.lower()] = (word(chance.choice(test.values).text),)
    principals = [entry.text for entry in statement.principals or ()]
    resources = [entry.text for entry in statement.resources or ()] or ["*"]
    action = word(chance.choice(statement.actions).text)
    return Request(action, word(chance.choice(resources)), chance.choice(principals) if principals else None, context)


@pytest.mark.parametrize("corpus", CORPORA)
def test_decisions_on_real_policies_end_and_agree_with_their_statements(corpus: str) -> None:
    chance = random.Random(7)
    outcomes = set()
    for item in policy_data(corpus):
        try:
            policy = policy_from_value(item["policy"])
        except InputError:
            continue
        for _ in range(4):
            request = request_for(policy, chance)
            decision = decide(policy, request)
            outcomes.add(decision.outcome)
            matched = [s for s in policy.statements if not mismatches(policy, s, request)]
            denies = tuple(s.index for s in matched if s.effect == "Deny")
            allows = tuple(s.index for s in matched if s.effect == "Allow")
            assert decision.statements == (denies or allows)
            assert decision.allowed == (bool(allows) and not denies)
    assert outcomes >= {"allow", "implicit_deny"}


STATEMENTS = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "action": st.tuples(
            st.booleans(),
            st.lists(st.sampled_from(["s3:*", "s3:Get*", "s3:GetObject", "ec2:*", "*"]), min_size=1, max_size=2),
        ),
        "resource": st.tuples(
            st.booleans(),
            st.lists(
                st.sampled_from(["*", "a*", "ab", "b?", "${aws:username}", "a${aws:username}"]), min_size=1, max_size=2
            ),
        ),
        "principal": st.sampled_from([None, "*", {"AWS": "123456789012"}, {"AWS": ["123456789012", "999999999999"]}]),
        "not_principal": st.booleans(),
        "condition": st.sampled_from(
            [{}, {"StringEquals": {"k": "v"}}, {"StringEquals": {"k": "v"}, "Null": {"j": "true"}}]
        ),
    }
)


def built(raw: Json) -> Json:
    statement = {"Effect": raw["Effect"], "Condition": raw["condition"]}
    statement["NotAction" if raw["action"][0] else "Action"] = raw["action"][1]
    statement["NotResource" if raw["resource"][0] else "Resource"] = raw["resource"][1]
    if raw["principal"] is not None:
        statement["NotPrincipal" if raw["not_principal"] else "Principal"] = raw["principal"]
    return statement


@given(st.lists(STATEMENTS, min_size=2, max_size=3))
def test_an_idle_statement_can_go(raws: list[Json]) -> None:
    from opswright.tools.iam.actions import load

    value = {"Version": "2012-10-17", "Statement": [built(raw) for raw in raws]}
    policy = policy_from_value(value)
    idle = next((s for s in policy.statements if idle_because_of(policy, s, load())), None)
    if idle is None:
        return
    rest = {**value, "Statement": [s for at, s in enumerate(value["Statement"]) if at != idle.index]}
    without = policy_from_value(json.loads(json.dumps(rest)))
    for action in ("s3:GetObject", "s3:PutObject", "ec2:RunInstances", "iam:GetUser"):
        for resource in ("a", "ab", "bc", "abob", "x"):
            for principal in (None, "*", "123456789012", "999999999999"):
                for context in ({}, {"k": ("v",)}, {"k": ("v",), "j": ("w",), "aws:username": ("b",)}):
                    request = Request(action, resource, principal, context)
                    assert decide(policy, request).allowed == decide(without, request).allowed


def idle(*statements: Json) -> list[tuple[int, int]]:
    """Which statements are idle, and because of which."""
    from opswright.tools.iam.actions import load

    policy = policy_from_value({"Version": "2012-10-17", "Statement": list(statements)})
    found = [(s.index, idle_because_of(policy, s, load())) for s in policy.statements]
    return [(index, other.index) for index, other in found if other is not None]


def test_of_two_equal_statements_the_later_is_idle() -> None:
    one = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    assert idle(one, one) == [(1, 0)]


def test_a_variable_covers_only_itself() -> None:
    def on(resource: str) -> Json:
        return {"Effect": "Allow", "Action": "s3:*", "Resource": resource}

    assert idle(on("a${*}"), on("a${aws:username}")) == []
    assert idle(on("a${aws:username}"), on("a${aws:username}")) == [(1, 0)]
    assert idle(on("a*"), on("a${aws:username}")) == [(1, 0)]
    assert idle(on("a$*"), on("a${aws:username}")) == []


def test_wide_and_narrow_actions() -> None:
    def doing(*actions: str) -> Json:
        return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}

    assert idle(doing("s3:*Object", "s3:GetObject*"), doing("s3:GetObject")) == [(1, 0)]
    assert idle(doing("s3:GetObject"), doing("s3:getobject", "s3:PutObject")) == [(0, 1)]
    assert idle(doing("s3:Get*", "s3:NoSuchAction"), doing("s3:NoSuchAction*")) == []
