"""Context values near the tests of a policy: some that meet a test, some that just do not."""

import ipaddress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from opswright.evals.policy.drawing.text import Context, fill, instance, near_miss, word
from opswright.tools.iam import values as readings
from opswright.tools.iam.document import ConditionTest
from opswright.tools.iam.operators import OPERATORS


def candidates(test: ConditionTest, with_variables: bool, context: Context, rng: Random) -> list[str]:
    """Single values around a test: for each of its values one that meets it and one or two that just do not."""
    family = OPERATORS[test.operator].family
    if family == "null":
        return [word(rng)]
    found: list[str] = []
    for entry in test.values:
        text = instance(entry.text, with_variables and family in ("string", "arn"), context, rng)
        if text is not None:
            found.extend(_around(family, test.operator, text, rng))
    return list(dict.fromkeys(value for value in found if value))


def _around(family: str, operator: str, text: str, rng: Random) -> list[str]:
    if family == "numeric":
        number = readings.number(text)
        return [] if number is None else [_plain(n) for n in (number, number - 1, number + 1) if n >= 0 or number < 0]
    if family == "date":
        return _dates(text)
    if family == "bool":
        return ["true", "false"]
    if family == "ip":
        return _addresses(text, rng)
    if family == "binary":
        return [text]
    if family == "arn" or "Like" in operator:
        return [fill(text, rng), near_miss(fill(text, rng), rng)]
    return [text, near_miss(text, rng)]


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")


def _dates(text: str) -> list[str]:
    seconds = readings.date(text)
    if seconds is None:
        return []
    try:
        moment = datetime.fromtimestamp(float(seconds), UTC)
        steps = [moment, moment - timedelta(days=1), moment + timedelta(days=1)]
    except (ValueError, OverflowError, OSError):
        return []
    return [step.strftime("%Y-%m-%dT%H:%M:%SZ") for step in steps]


def _addresses(text: str, rng: Random) -> list[str]:
    network = readings.network(text)
    if network is None:
        return []
    inside = network[rng.randrange(min(network.num_addresses, 1 << 16))]
    last = int(network.broadcast_address)
    outside = [int(network.network_address) - 1, last + 1]
    kind = type(inside)
    near = [str(kind(n)) for n in outside if 0 <= n < 1 << network.max_prefixlen]
    return [str(inside), *near, "203.0.113.77" if isinstance(inside, ipaddress.IPv4Address) else "2001:db8::7"]
