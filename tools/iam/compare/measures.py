"""Candidates for values that read as numbers, dates, addresses or bytes.

A comparison can only change its answer at its limits, so trying every limit, a value between each two neighbours and
one beyond each end decides any combination of comparisons.
"""

import base64
import decimal
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from opswright.tools.iam import values
from opswright.tools.iam.compare.sets import Family

UNREADABLE = "example"
_PRECISION = 3000  # enough to halve the distance of any two numbers the parser reads


@lru_cache(maxsize=4096)
def candidates(family: Family, limits: tuple[str, ...]) -> tuple[str, ...]:
    """Values that between them give every combination of answers that comparisons with the limits can give."""
    if family == "binary":
        return _bytes(limits)
    if family == "ip":
        return _addresses(limits)
    read, write = (values.number, _number) if family == "numeric" else (values.date, _date)
    points = sorted({point for text in limits if (point := read(text)) is not None})
    return tuple(dict.fromkeys([*map(write, _around(points)), UNREADABLE]))


def _around(points: list[Decimal]) -> Iterable[Decimal]:
    with decimal.localcontext(prec=_PRECISION):
        yield from points
        for point in points:
            yield from (point + 1, point - 1)
        for low, high in pairwise(points):
            yield (low + high) / 2
        if not points:
            yield Decimal(1)


def _number(value: Decimal) -> str:
    return str(int(value)) if value == value.to_integral_value() and abs(value) < 10**15 else str(value)


def _date(value: Decimal) -> str:
    if value == value.to_integral_value():
        try:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(value))
        except OverflowError:
            return f"{value:f}"
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    return f"{value:f}"


def _addresses(limits: tuple[str, ...]) -> tuple[str, ...]:
    found = ["203.0.113.10", "2001:db8::10"]
    for text in limits:
        network = values.network(text)
        if network is None:
            continue
        ends = (network.network_address, network.broadcast_address)
        found.extend(map(str, ends))
        if network.num_addresses > 2:
            found.insert(0, str(network.network_address + 1))
        if int(ends[0]):
            found.append(str(ends[0] - 1))
        if int(ends[1]) + 1 < 1 << network.max_prefixlen:
            found.append(str(ends[1] + 1))
    return tuple(dict.fromkeys([*found, UNREADABLE]))


def _bytes(limits: tuple[str, ...]) -> tuple[str, ...]:
    taken = {values.binary(text) for text in limits}
    other = b"example"
    while other in taken:
        other += b"e"
    return (*limits, base64.b64encode(other).decode(), "?")
