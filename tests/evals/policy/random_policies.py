"""Random policies over a small alphabet, for property tests: many of them overlap, few are equal."""

from hypothesis import strategies as st

from opswright.nouns import Json

ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:Get*", "s3:*", "*", "ec2:StartInstances", "s3:?etObject", "x:Unknown")
RESOURCES = (
    *("*", "arn:aws:s3:::a/*", "arn:aws:s3:::a/b*", "arn:aws:s3:::*/b", "arn:aws:s3:::a/b", "arn:aws:s3:::?/b"),
    *("arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::*/${aws:username}/*", "arn:aws:s3:::${aws:username, 'a'}/b"),
)
PRINCIPALS: tuple[Json, ...] = (
    "*",
    {"AWS": "*"},
    {"AWS": "123456789012"},
    {"AWS": "arn:aws:iam::123456789012:user/ann"},
    {"AWS": ["arn:aws:iam::123456789012:role/app", "arn:aws:iam::210987654321:root"]},
    {"Service": "lambda.amazonaws.com"},
)
QUANTIFIERS = ("", "ForAnyValue:", "ForAllValues:")


def _some(values: tuple[str, ...]) -> st.SearchStrategy[Json]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


def _test(
    operators: tuple[str, ...], key: str, values: tuple[str, ...], quantifiers: tuple[str, ...]
) -> st.SearchStrategy[Json]:
    operator = st.tuples(st.sampled_from(quantifiers), st.sampled_from(operators), st.sampled_from(("", "IfExists")))
    return st.tuples(operator.map("".join), st.just(key), _some(values))


TEXT = ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase")
NUMBERS = tuple(f"Numeric{name}" for name in ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan"))
DATES = ("DateLessThan", "DateGreaterThanEquals", "DateNotEquals")
TESTS = st.one_of(
    _test(TEXT, "aws:PrincipalTag/team", ("a", "A", "a*", "?b"), ("",)),
    _test(TEXT[:4], "aws:username", ("a", "b*", "${aws:PrincipalTag/team}"), ("",)),
    _test(TEXT, "aws:TagKeys", ("a", "b", "a*"), QUANTIFIERS[1:]),
    _test(("IpAddress", "NotIpAddress"), "aws:SourceIp", ("10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"), ("",)),
    _test(NUMBERS, "s3:max-keys", ("1", "2", "2.0", "10"), ("",)),
    _test(DATES, "aws:CurrentTime", ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"), ("",)),
    _test(("ArnLike", "ArnNotEquals"), "aws:SourceArn", ("arn:aws:s3:::a", "arn:aws:s3:*:*:a*", "no arn"), ("",)),
    _test(("Bool",), "aws:SecureTransport", ("true", "false"), ("",)),
    st.tuples(st.just("Null"), st.sampled_from(("aws:TagKeys", "aws:username")), st.sampled_from(("true", "false"))),
)


@st.composite
def statements(draw: st.DrawFn, principals: bool) -> Json:
    """One statement."""
    statement: dict[str, Json] = {"Effect": draw(st.sampled_from(("Allow", "Allow", "Deny")))}
    if principals:
        statement[draw(st.sampled_from(("Principal", "NotPrincipal")))] = draw(st.sampled_from(PRINCIPALS))
    statement[draw(st.sampled_from(("Action", "Action", "NotAction")))] = draw(_some(ACTIONS))
    statement[draw(st.sampled_from(("Resource", "Resource", "NotResource")))] = draw(_some(RESOURCES))
    block: dict[str, dict[str, Json]] = {}
    for operator, key, values in draw(st.lists(TESTS, max_size=2)):
        block.setdefault(operator, {})[key] = values
    return {**statement, "Condition": block} if block else statement


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Json, Json]:
    """Two policies, often sharing statements, both with principals or both without."""
    principals = draw(st.booleans())
    shared = draw(st.lists(statements(principals), max_size=2))
    found = []
    for _ in range(2):
        own = draw(st.lists(statements(principals), min_size=0 if shared else 1, max_size=2))
        version = draw(st.sampled_from(("2012-10-17", "2012-10-17", "2008-10-17")))
        found.append({"Version": version, "Statement": [*shared, *own]})
    return found[0], found[1]
