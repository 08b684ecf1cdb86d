"""Small random policies over a small alphabet, and concrete requests that tell most of them apart."""

from itertools import product
from random import Random

from hypothesis import strategies as st

from opswright.nouns import Json
from opswright.tools.iam.compare import Comparison
from opswright.tools.iam.document import Policy, Request
from opswright.tools.iam.evaluator import decide
from opswright.tools.iam.parser import policy_from_value

ACTIONS = ("s3:GetObject", "s3:PutObject", "iam:CreateUser")
ACTION_PATTERNS = (*ACTIONS, "s3:*", "*", "s3:NoSuchThing", "s3:Get*")
PRINCIPALS: tuple[Json, ...] = (
    "*",
    {"AWS": "111111111111"},
    {"AWS": ["arn:aws:iam::111111111111:user/u", "222222222222"]},
    {"AWS": "arn:aws:iam::111111111111:role/r"},
    {"Service": "ec2.amazonaws.com"},
)
REQUESTERS = (
    "arn:aws:iam::111111111111:user/u",
    "arn:aws:iam::111111111111:user/v",
    "arn:aws:sts::111111111111:assumed-role/r/s",
    "arn:aws:iam::222222222222:root",
    "ec2.amazonaws.com",
    "nobody",
)
VALUES = {
    "k": ("a", "b", "ab", "A", "aa", "", "c"),
    "m": ("a", "b", "ba", "A", "", "c"),
    "t": ("a", "b", ""),
    "n": ("0", "1", "2", "2.5", "9", "x"),
    "i": ("10.1.1.1", "10.200.0.1", "11.0.0.1", "2001:db8::1", "z"),
    "r": ("a:b:c:d:e:f", "a:x:c:d:e:f:g", "a:b:c:d:e:a", "q"),
    "o": ("true", "FALSE", "x"),
}
MULTIVALUED = ("m", "t")
RESOURCES = (*("".join(word) for size in (1, 2, 3, 4) for word in product("abz", repeat=size)), "*", "ababab")


def globs(variables: bool) -> st.SearchStrategy[str]:
    """Short globs over two letters; with `variables` some hold one."""
    letters = st.sampled_from("abab*?*")
    plain = st.lists(letters, min_size=1, max_size=4).map("".join)
    if not variables:
        return plain
    opened = st.tuples(plain, st.sampled_from(["${k}", "${m}", "${k, 'a'}", "${*}"]), plain | st.just("")).map("".join)
    return plain | plain | opened


def _words(variables: bool) -> st.SearchStrategy[str]:
    words = st.sampled_from(["a", "b", "A", "ab", "ba", "aA"])
    return words | words | st.sampled_from(["${k}", "${m}", "a${k}", "${m}b"]) if variables else words


def _few(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(values, min_size=1, max_size=2)


def conditions(variables: bool) -> st.SearchStrategy[tuple[str, str, list[str]]]:
    """One operator, key and list of values, of every family."""
    words, patterns = _words(variables), globs(variables)

    def of(
        operators: list[str], keys: str, values: st.SearchStrategy[str], if_exists: bool = True
    ) -> st.SearchStrategy[tuple[str, str, list[str]]]:
        ends = ["", "", "IfExists"] if if_exists else [""]
        names = st.tuples(st.sampled_from(operators), st.sampled_from(ends)).map("".join)
        return st.tuples(names, st.sampled_from(keys), _few(values))

    sets = [f"{q}:{o}" for q in ("ForAnyValue", "ForAllValues") for o in ("StringEquals", "StringNotEquals")]
    text = ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"]
    arns = st.sampled_from(["a:*:*:*:*:*", "a:b:c:d:e:*", "a:?:c:d:e:f", "a:b:c:d:e:f:g", "*"])
    return st.one_of(
        of(text, "km", words),
        of(["StringLike", "StringNotLike"], "km", patterns),
        of(sets, "mt", words),
        of(["ForAnyValue:StringLike", "ForAllValues:StringNotLike"], "mt", patterns),
        of(["Null"], "kmt", st.sampled_from(["true", "false"]), if_exists=False),
        of(["NumericEquals", "NumericLessThan", "NumericNotEquals"], "n", st.sampled_from("123")),
        of(["IpAddress", "NotIpAddress"], "i", st.sampled_from(["10.0.0.0/8", "10.128.0.0/9", "0.0.0.0/0"])),
        of(["ArnLike", "ArnNotEquals"], "r", arns),
        of(["Bool"], "o", st.sampled_from(["true", "false"])),
    )


@st.composite
def statements(draw: st.DrawFn, variables: bool, named: bool) -> Json:
    """One statement."""
    statement: dict[str, Json] = {"Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"]))}
    action = "NotAction" if draw(st.integers(0, 7)) == 0 else "Action"
    statement[action] = draw(st.lists(st.sampled_from(ACTION_PATTERNS), min_size=1, max_size=2))
    statement["NotResource" if draw(st.integers(0, 6)) == 0 else "Resource"] = draw(_few(globs(variables)))
    if named:
        statement["NotPrincipal" if draw(st.integers(0, 6)) == 0 else "Principal"] = draw(st.sampled_from(PRINCIPALS))
    block: dict[str, dict[str, list[str]]] = {}
    for operator, key, values in draw(st.lists(conditions(variables), max_size=2)):
        block.setdefault(operator, {})[key] = values
    return {**statement, "Condition": block} if block else statement


def documents(variables: bool, named: bool, longest: int = 3) -> st.SearchStrategy[list[Json]]:
    """The statements of a policy."""
    return st.lists(statements(variables, named), min_size=1, max_size=longest)


@st.composite
def pairs(draw: st.DrawFn, variables: bool = False) -> tuple[list[Json], list[Json]]:
    """Two documents, often with statements in common."""
    named = draw(st.integers(0, 3)) == 0
    one, other = draw(documents(variables, named)), draw(documents(variables, named))
    kind = draw(st.sampled_from(["apart", "more", "less"]))
    if kind == "more":
        other = [*one, *other[:1]]
    if kind == "less":
        one = [*other, *one[:1]]
    return one, other


def policy(document: list[Json]) -> Policy:
    """The parsed policy of some statements."""
    return policy_from_value({"Version": "2012-10-17", "Statement": document})


def requests(policies: list[Policy], count: int, seed: int = 0) -> list[Request]:
    """Requests over the small alphabet that the policies do not refuse to judge."""
    random = Random(seed)
    statements = [statement for one in policies for statement in one.statements]
    tests = [test for statement in statements for test in statement.conditions]
    keys = sorted({test.key for test in tests} | {"k", "m"})
    single = {test.key for test in tests if test.quantifier is None and test.operator != "Null"}
    named = any(statement.principals is not None for statement in statements)
    return [_request(random, keys, single, named) for _ in range(count)]


def _request(random: Random, keys: list[str], single: set[str], named: bool) -> Request:
    context: dict[str, tuple[str, ...]] = {}
    for key in keys:
        count = random.choice([0, 1, 1, 1, 2] if key in MULTIVALUED and key not in single else [0, 1, 1])
        if count:
            context[key] = tuple({random.choice(VALUES[key]) for _ in range(count)})
    action = random.choice((*ACTIONS, "ec2:RunInstances", "s3:nosuchthing"))
    return Request(action, random.choice(RESOURCES), random.choice(REQUESTERS) if named else None, context)


def shows(request: Request, new: Policy, olds: list[Policy]) -> bool:
    """Whether the request is new access."""
    return decide(new, request).allowed and not any(decide(old, request).allowed for old in olds)


def assert_right(found: Comparison, new: Policy, olds: list[Policy], count: int = 150) -> None:
    """A witness is confirmed by the evaluator; a proof is not refuted by any of many requests."""
    if found.new_access:
        assert found.witness is not None
        assert shows(found.witness, new, olds)
        return
    assert found.witness is None
    assert "internal" not in found.reason
    if found.new_access is False:
        for request in requests([new, *olds], count):
            assert not shows(request, new, olds), request
