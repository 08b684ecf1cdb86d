"""The peer's own reading of numbers and dates: constants, and what stands at a position among them."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

from opswright.tools.iam.document import ConditionTest


def constant(test: ConditionTest, text: str) -> Fraction | None:
    try:
        if test.operator.startswith("Numeric"):
            return Fraction(text)
        if re.fullmatch(r"-?\d+(\.\d+)?", text) and not re.fullmatch(r"\d{4}", text):
            return Fraction(text)
        full = f"{text}-01-01" if re.fullmatch(r"\d{4}", text) else f"{text}-01" if len(text) == 7 else text
        moment = datetime.fromisoformat(full)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return Fraction(str(moment.timestamp()))
    except (ValueError, ZeroDivisionError):
        return None


def at_position(position: int, constants: Sequence[Fraction], date: bool) -> str:
    """A number at a position of the order type: a constant, or one in a gap."""
    if not constants:
        value = Fraction(0)
    elif position % 2:
        value = constants[position // 2]
    elif position == 0:
        value = constants[0] - 86400 * (1 if date else Fraction(1, 86400))
    elif position == 2 * len(constants):
        value = constants[-1] + 86400 * (1 if date else Fraction(1, 86400))
    else:
        value = (constants[position // 2 - 1] + constants[position // 2]) / 2
    if date:
        return datetime.fromtimestamp(float(value), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return format(float(value), "f").rstrip("0").rstrip(".") if value.denominator > 1 else str(value.numerator)
