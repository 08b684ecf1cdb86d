"""The engine against the evaluator on random policies, and answers that must agree with one another."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opswright.nouns import Json
from opswright.tools.iam.compare import beyond, covers, new_access, reaches
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.spec import Pattern
from tests.tools.iam.compare.drawing import assert_right, documents, pairs, policy, requests, shows

Pair = tuple[list[Json], list[Json]]
often = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seldom = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(pairs())
@often
def test_without_variables_every_answer_is_decided_and_right(pair: Pair) -> None:
    new, old = policy(pair[0]), policy(pair[1])
    found = new_access(new, old, fallback=False)
    assert found.new_access is not None
    assert_right(found, new, [old])


@given(pairs(variables=True))
@often
def test_with_variables_every_answer_is_right(pair: Pair) -> None:
    new, old = policy(pair[0]), policy(pair[1])
    assert_right(new_access(new, old, fallback=False), new, [old])


@given(documents(True, False))
@seldom
def test_a_policy_allows_nothing_beyond_itself(document: list[Json]) -> None:
    assert new_access(policy(document), policy(document), fallback=False).new_access is False


@given(pairs(variables=True))
@seldom
def test_a_deny_more_or_an_allow_less_adds_nothing(pair: Pair) -> None:
    document, others = pair
    denies = [statement for statement in others if statement["Effect"] == "Deny"]
    assert new_access(policy([*document, *denies]), policy(document), fallback=False).new_access is False
    fewer = [s for at, s in enumerate(document) if at or s["Effect"] == "Deny"]
    if fewer:
        assert new_access(policy(fewer), policy(document), fallback=False).new_access is False


@given(documents(False, False), documents(False, False), documents(False, False))
@seldom
def test_beyond_a_union(one: list[Json], other: list[Json], more: list[Json]) -> None:
    new, olds = policy([*one, *other[:1]]), [policy(other), policy(more)]
    found = beyond(new, olds, fallback=False)
    assert_right(found, new, olds)
    if found.new_access:
        assert all(new_access(new, old, fallback=False).new_access for old in olds)
    assert beyond(new, [*olds, new], fallback=False).new_access is False


@given(documents(True, False))
@seldom
def test_beyond_nothing_is_what_is_allowed_at_all(document: list[Json]) -> None:
    new = policy(document)
    assert_right(beyond(new, [], fallback=False), new, [])


REGIONS = st.builds(
    Pattern,
    st.lists(st.sampled_from(["s3:*", "s3:getobject", "*", "iam:createuser", "s3:nosuchthing"]), min_size=1).map(tuple),
    st.lists(st.sampled_from(["*", "a*", "*b", "?a*", "ab"]), min_size=1, max_size=2).map(tuple),
    st.none() | st.sampled_from([("arn:aws:iam::111111111111:*",), ("*:user/?", "nobody")]),
    st.dictionaries(st.sampled_from(["k", "t"]), st.sampled_from([("a",), ("a*", "b"), ("*",)]), max_size=1),
)


@given(documents(False, False) | documents(False, True), REGIONS)
@often
def test_reaches_and_covers(document: list[Json], region: Pattern) -> None:
    one = policy(document)
    reached, covered = reaches(one, region, fallback=False), covers(one, region, fallback=False)
    inside = [request for request in requests([one], 150) if region.matches(request)]
    allowed = [decide(one, request).allowed for request in inside]
    assert reached.new_access is not None
    assert covered.new_access is not None
    if reached.new_access:
        assert reached.witness is not None
        assert region.matches(reached.witness)
        assert decide(one, reached.witness).allowed
    else:
        assert not any(allowed)
    if covered.new_access:
        assert all(allowed)
    else:
        assert covered.witness is not None
        assert region.matches(covered.witness)
        assert not decide(one, covered.witness).allowed


@given(pairs(), REGIONS)
@seldom
def test_within_a_region(pair: Pair, region: Pattern) -> None:
    new, old = policy(pair[0]), policy(pair[1])
    found = new_access(new, old, within=[region], fallback=False)
    if found.new_access:
        assert found.witness is not None
        assert region.matches(found.witness)
        assert shows(found.witness, new, [old])
    else:
        assert not any(region.matches(r) and shows(r, new, [old]) for r in requests([new, old], 150))
    if not new_access(new, old, fallback=False).new_access:
        assert found.new_access is False


@given(pairs(variables=True))
@seldom
def test_equal_questions_get_equal_answers(pair: Pair) -> None:
    first = new_access(policy(pair[0]), policy(pair[1]), fallback=False)
    again = new_access(policy(pair[0]), policy(pair[1]), fallback=False)
    assert (first.new_access, first.witness, first.reason) == (again.new_access, again.witness, again.reason)
