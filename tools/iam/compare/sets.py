"""Sets of strings that policy elements and condition values describe, interned so that they compare by identity."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from typing import Literal as OneOf

from opswright.tools.iam import arns, conditions, globs, principals, variables
from opswright.tools.iam.compare import patterns
from opswright.tools.iam.compare.patterns import ANY, Many, One, Pattern
from opswright.tools.iam.document import PrincipalEntry
from opswright.tools.iam.variables import Fixed, Literal, Piece, Variable

Reading = OneOf["exact", "fold", "glob", "arn"]
Family = OneOf["numeric", "date", "ip", "binary"]
Union = tuple[Pattern, ...]


class Some:
    """The value of a key that has one, not empty and not chosen yet."""

    def __repr__(self) -> str:
        return "SOME"


class Several:
    """The values of a key that has several, so that no variable can stand for it."""

    def __repr__(self) -> str:
        return "SEVERAL"


SOME: Final = Some()
SEVERAL: Final = Several()
Value = str | Some | Several | None  # None: the key is absent
Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Strings that match one of some patterns. `keys`: the context keys whose values stand in them as variables."""

    reading: Reading
    texts: tuple[str, ...]
    keys: frozenset[str]
    pieces: tuple[tuple[Piece, ...], ...]
    order: str

    def union(self, values: Values, loose: bool) -> Union:
        """The patterns under values for the keys. Where a value is not chosen, `loose` patterns match at least what
        the real ones do, the others at most."""
        return _union(self, tuple((key, values.get(key)) for key in sorted(self.keys)), loose)

    def contains(self, text: str, values: Values) -> bool:
        """Whether the text matches, all keys' values being chosen."""
        if not self.keys:
            return any(_closed_match(self.reading, parts, text) for parts in self.pieces)
        return any(parts and _closed_match(self.reading, parts, text) for parts in _chosen(self, values))


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Principals that an element names."""

    entries: tuple[PrincipalEntry, ...]
    order: str
    keys: frozenset[str] = frozenset()

    def union(self, values: Values, loose: bool) -> Union:
        """The patterns; there are no variables in principals."""
        return _named(self)

    def contains(self, text: str, values: Values) -> bool:
        """Whether an entry names the principal."""
        return principals.lower_principals(self.entries)(text)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Strings that read as a number, a date, an address or bytes and compare so with one of some texts."""

    operator: str
    texts: tuple[str, ...]
    family: Family
    order: str
    keys: frozenset[str] = frozenset()

    def contains(self, text: str, values: Values) -> bool:
        """Whether the text reads and compares so."""
        return any(conditions.value_matches(self.operator, one, text) for one in self.texts)


StringSet = Texts | Names | Measured


@lru_cache(maxsize=32768)
def texts(reading: Reading, entries: tuple[str, ...], with_variables: bool) -> Texts:
    """The strings that match an entry; duplicates and order do not count."""
    return _texts(reading, tuple(sorted(set(entries))), with_variables and any("${" in text for text in entries))


@lru_cache(maxsize=32768)
def _texts(reading: Reading, distinct: tuple[str, ...], opened: bool) -> Texts:
    pieces = tuple(variables.pieces(text) if opened else (Literal(text),) for text in distinct)
    keys = frozenset(piece.key for parts in pieces for piece in parts if isinstance(piece, Variable))
    return Texts(reading, distinct, keys, pieces, f"{reading}{opened}{distinct}")


@lru_cache(maxsize=8192)
def names(entries: tuple[PrincipalEntry, ...]) -> Names:
    """The principals that an element names."""
    return _names(tuple(sorted(set(entries), key=lambda entry: (entry.kind, entry.text))))


@lru_cache(maxsize=8192)
def _names(distinct: tuple[PrincipalEntry, ...]) -> Names:
    return Names(distinct, str([(entry.kind, entry.text) for entry in distinct]))


@lru_cache(maxsize=8192)
def measured(operator: str, family: Family, entries: tuple[str, ...]) -> Measured:
    """The strings that compare with an entry under a positive operator."""
    distinct = tuple(sorted(set(entries)))
    return Measured(operator, distinct, family, f"{operator}{distinct}")


def _filled(parts: tuple[Piece, ...], values: Values) -> tuple[Piece, ...] | None:
    """The parts with chosen values in place; None when a variable has no value."""
    found: list[Piece] = []
    for part in parts:
        if not isinstance(part, Variable):
            found.append(part)
            continue
        value = values.get(part.key)
        if isinstance(value, Some):
            found.append(part)
            continue
        text = part.default if value is None else value
        if not isinstance(text, str):
            return None
        found.append(Fixed(text))
    return tuple(found)


def _chosen(one: Texts, values: Values) -> list[tuple[Piece, ...] | None]:
    return [_filled(parts, values) for parts in one.pieces]


@lru_cache(maxsize=32768)
def _union(one: Texts, chosen: tuple[tuple[str, Value], ...], loose: bool) -> Union:
    values = dict(chosen)
    found: dict[Pattern, None] = {}
    for parts in one.pieces:
        filled = _filled(parts, values)
        made = None if filled is None else _pattern(one.reading, filled, loose)
        if made is not None:
            found[made] = None
    return (patterns.pattern((ANY,)),) if any(made.universal for made in found) else tuple(found)


def _pattern(reading: Reading, parts: tuple[Piece, ...], loose: bool) -> Pattern | None:
    if reading == "arn":
        return patterns.arn(parts, loose)
    return patterns.from_pieces(parts, reading == "glob", reading == "fold")


def _closed_match(reading: Reading, parts: tuple[Piece, ...], text: str) -> bool:
    closed = tuple(part for part in parts if not isinstance(part, Variable))
    if len(closed) == 1 and isinstance(closed[0], Literal):
        return _plain_match(reading, closed[0].text, text)
    if reading == "glob":
        return variables.glob(closed)(text)
    if reading == "arn":
        return arns.parts_like(closed, text)
    return _plain_match(reading, variables.plain(closed), text)


def _plain_match(reading: Reading, one: str, text: str) -> bool:
    if reading == "glob":
        return globs.matches(one, text)
    if reading == "arn":
        return arns.like(one, text)
    return one == text if reading == "exact" else one.lower() == text.lower()


@lru_cache(maxsize=8192)
def _named(one: Names) -> Union:
    found: list[Pattern] = []
    for entry in one.entries:
        if entry.kind == "*" or (entry.kind == "AWS" and entry.text == "*"):
            return (patterns.pattern((ANY,)),)
        found.append(patterns.exactly(entry.text))
        prefix = principals.sessions_prefix(entry)
        if prefix is not None:
            found.append(patterns.pattern((*prefix, ANY)))
        account = principals.named_account(entry)
        if account is not None:
            found.extend(_in_account(account))
    return tuple(dict.fromkeys(found))


_PARTITION = Many(allowed="-abcdefghijklmnopqrstuvwxyz")


def _in_account(account: str) -> list[Pattern]:
    """Every form a principal of an account has."""
    arn = tuple("arn:aws")
    forms: list[tuple[patterns.Token, ...]] = [
        (*account,),
        (*f"{account}:root",),
        (*arn, _PARTITION, *f":iam::{account}"),
        (*arn, _PARTITION, *f":iam::{account}:root"),
    ]
    for service in principals.SERVICES:
        for kind in principals.KINDS:
            forms.append((*arn, _PARTITION, *f":{service}::{account}:{kind}/", One(), ANY))
    return [patterns.pattern(form) for form in forms]
