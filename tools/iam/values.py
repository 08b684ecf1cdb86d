"""What a condition value means: one reading of numbers, dates, addresses and bytes for parser, evaluator and engine.

IAM User Guide, "Condition operators". Every reader returns None for a text it cannot read.
"""

import base64
import binascii
import ipaddress
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_EPOCH = re.compile(r"-?[0-9]{5,}(?:\.[0-9]+)?|-?[0-9]{1,3}(?:\.[0-9]+)?|-?[0-9]+\.[0-9]+")
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:[Tt]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?([Zz]|[+-][0-9]{2}:?[0-9]{2}))?)?)?"
)


@lru_cache(maxsize=4096)
def number(text: str) -> Decimal | None:
    """An integer or decimal number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=4096)
def date(text: str) -> Decimal | None:
    """Seconds since 1970 of a W3C ISO 8601 date or of epoch seconds; four digits are a year."""
    if _EPOCH.fullmatch(text):
        return Decimal(text)
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=_zone(zone),
        )
        epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
        whole = moment - epoch
    except (ValueError, OverflowError):
        return None
    return Decimal(whole.days * 86400 + whole.seconds) + Decimal(f"0.{fraction or 0}")


def _zone(text: str | None) -> timezone:
    if not text or text in "Zz":
        return timezone.utc  # noqa: UP017
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


@lru_cache(maxsize=4096)
def network(text: str) -> Network | None:
    """An IPv4 or IPv6 range in CIDR form, or a lone address; bits past the prefix are ignored."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def address(text: str) -> Address | None:
    """An IPv4 or IPv6 address."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def boolean(text: str) -> bool | None:
    """`true` or `false`, in any case."""
    return {"true": True, "false": False}.get(text.lower())


def binary(text: str) -> bytes | None:
    """The bytes that base64 text stands for."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
