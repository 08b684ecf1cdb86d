"""The condition operators of the IAM JSON policy language, by name.

IAM User Guide, "IAM JSON policy elements: Condition operators". Names compare case-insensitively; `IfExists` may follow
any operator but Null; the set operators `ForAnyValue:` and `ForAllValues:` may stand before any.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from opswright.tools.iam.document import Quantifier
from opswright.tools.iam.words import quoted

Family = Literal["string", "numeric", "date", "bool", "binary", "ip", "arn", "null"]


@dataclass(frozen=True, slots=True)
class Operator:
    """`positive` names the operator this one negates (itself when it negates none)."""

    name: str
    family: Family
    positive: str

    @property
    def negated(self) -> bool:
        return self.positive != self.name


def _pair(family: Family, name: str, negation: str) -> tuple[Operator, Operator]:
    return Operator(name, family, name), Operator(negation, family, name)


def _one(family: Family, *names: str) -> tuple[Operator, ...]:
    return tuple(Operator(name, family, name) for name in names)


OPERATORS: dict[str, Operator] = {
    operator.name: operator
    for operator in (
        *_pair("string", "StringEquals", "StringNotEquals"),
        *_pair("string", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
        *_pair("string", "StringLike", "StringNotLike"),
        *_pair("numeric", "NumericEquals", "NumericNotEquals"),
        *_one("numeric", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"),
        *_pair("date", "DateEquals", "DateNotEquals"),
        *_one("date", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"),
        *_one("bool", "Bool"),
        *_one("binary", "BinaryEquals"),
        *_pair("ip", "IpAddress", "NotIpAddress"),
        *_pair("arn", "ArnEquals", "ArnNotEquals"),
        *_pair("arn", "ArnLike", "ArnNotLike"),
        *_one("null", "Null"),
    )
}

_BY_LOWER = {name.lower(): operator for name, operator in OPERATORS.items()}
_QUANTIFIERS: dict[str, Quantifier] = {"foranyvalue": "ForAnyValue", "forallvalues": "ForAllValues"}


class UnknownOperator(ValueError):
    """The text names no operator; the message says what is wrong and what comes nearest."""


@lru_cache(maxsize=1024)
def read_operator(text: str) -> tuple[Operator, Quantifier | None, bool]:
    """Splits `ForAnyValue:StringLikeIfExists` into operator, quantifier and IfExists. Raises UnknownOperator."""
    quantifier: Quantifier | None = None
    rest = text
    if ":" in text:
        prefix, rest = text.split(":", 1)
        if prefix.lower() not in _QUANTIFIERS:
            raise UnknownOperator(f"unknown set operator {quoted(prefix)} (ForAnyValue and ForAllValues exist)")
        quantifier = _QUANTIFIERS[prefix.lower()]
    lower = rest.lower()
    if_exists = lower.endswith("ifexists")
    if if_exists:
        lower = lower.removesuffix("ifexists")
    operator = _BY_LOWER.get(lower)
    if operator is None:
        from difflib import get_close_matches

        near = get_close_matches(lower, _BY_LOWER, 1, 0.7)
        hint = f"; did you mean {_BY_LOWER[near[0]].name}?" if near else ""
        raise UnknownOperator(f"unknown condition operator {quoted(text)}{hint}")
    if operator.family == "null" and if_exists:
        raise UnknownOperator("Null takes no IfExists: it already asks whether the key exists")
    if operator.family == "null" and quantifier is not None:
        raise UnknownOperator(f"Null takes no {quantifier}: it asks about the key, not about its values")
    return operator, quantifier, if_exists
