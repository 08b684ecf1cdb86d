"""Numbers, dates, addresses and bytes: what reads, what does not, and which are equal."""

from decimal import Decimal

import pytest

from opswright.tools.iam import values

DATES = [
    ("1970-01-01T00:00:00Z", 0),
    ("1970", 0),
    ("1970-01", 0),
    ("1970-01-02", 86400),
    ("1970-01-01T01:00Z", 3600),
    ("1970-01-01T01:00+01:00", 0),
    ("1970-01-01T00:00:00-05:30", 19800),
    ("1970-01-01T00:00:00.5Z", Decimal("0.5")),
    ("1969-12-31T23:59:59Z", -1),
    ("1577836800", 1577836800),
    ("1577836800.25", Decimal("1577836800.25")),
    ("86400", 86400),
    ("2020-02-29", 1582934400),
    ("0", 0),
]
NO_DATES = [
    "",
    "x",
    "2021-02-29",
    "2020-1-1",
    "2020-01-01 00:00:00Z",
    "2020-01-01T00:00:00",
    "24:00",
    "2020-01-01T25:00Z",
]


@pytest.mark.parametrize(("text", "seconds"), DATES)
def test_dates(text: str, seconds: int | Decimal) -> None:
    assert values.date(text) == seconds


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date(text: str) -> None:
    assert values.date(text) is None


def test_four_digits_are_a_year() -> None:
    assert values.date("2020") == values.date("2020-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "number"), [("10", 10), ("-1.5", Decimal("-1.5")), ("1e3", 1000), ("+2", 2), (".5", Decimal("0.5"))]
)
def test_numbers(text: str, number: int | Decimal) -> None:
    assert values.number(text) == number


@pytest.mark.parametrize("text", ["", "x", "NaN", "Infinity", "1,000", "0x10", "1e9999", "\uff11", " 1"])
def test_what_is_no_number(text: str) -> None:
    assert values.number(text) is None


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0", "x", "", "10.0.0.0/8/8", "2001:db8::/129"])
def test_what_is_no_range(text: str) -> None:
    assert values.network(text) is None


def test_ranges() -> None:
    assert str(values.network("203.0.113.7")) == "203.0.113.7/32"
    assert str(values.network("10.1.2.3/8")) == "10.0.0.0/8"
    assert values.address("10.0.0.0/8") is None
    assert values.binary("QmluYXJ5") == b"Binary"
    assert values.binary("Qml u") is None
    assert (values.boolean("TRUE"), values.boolean("false"), values.boolean("1")) == (True, False, None)
