"""Policy variables: `${key}`, `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}`.

IAM User Guide, "IAM policy elements: Variables and tags". They count in Version 2012-10-17 only, in Resource and
NotResource and in the values of string and ARN condition operators. What a variable stands for is literal text: a
wildcard in a user's name is a character.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from opswright.tools.iam import globs

Context = Mapping[str, tuple[str, ...]]

_VARIABLE = re.compile(r"\$\{([^${}]*|\$)\}")
_DEFAULTED = re.compile(r"\s*([^,']*?)\s*,\s*'([^']*)'\s*")
_ESCAPES = ("*", "?", "$")


@dataclass(frozen=True, slots=True)
class Literal:
    """Text as written; `*` and `?` in it are wildcards where wildcards count."""

    text: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """Text without wildcards: an escape, or a variable's value."""

    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    """A key of the request context (lower case), with the default that stands in when it is absent."""

    key: str
    default: str | None = None


Piece = Literal | Fixed | Variable


@lru_cache(maxsize=16384)
def pieces(text: str) -> tuple[Piece, ...]:
    """Splits a string at its variables; what looks like one but is not well-formed stays literal text."""
    found: list[Piece] = []
    at = 0
    for match in _VARIABLE.finditer(text):
        if match.start() > at:
            found.append(Literal(text[at : match.start()]))
        found.append(_piece(match.group(1)))
        at = match.end()
    if at < len(text) or not found:
        found.append(Literal(text[at:]))
    return tuple(found)


def _piece(inner: str) -> Piece:
    if inner in _ESCAPES:
        return Fixed(inner)
    defaulted = _DEFAULTED.fullmatch(inner)
    if defaulted:
        return Variable(defaulted.group(1).lower(), defaulted.group(2))
    return Variable(inner.strip().lower())


def has_variables(text: str) -> bool:
    """Whether the string holds a `${...}`."""
    return "${" in text and any(not isinstance(piece, Literal) for piece in pieces(text))


def keys(text: str) -> tuple[str, ...]:
    """The context keys (lower case) the string's variables read."""
    return tuple(piece.key for piece in pieces(text) if isinstance(piece, Variable))


def resolve(variable: Variable, context: Context) -> str | None:
    """The variable's value; None when its key is absent without a default, or has several values."""
    values = context.get(variable.key)
    if not values:
        return variable.default
    return values[0] if len(values) == 1 else None


def substitute(text: str, context: Context) -> tuple[Literal | Fixed, ...] | None:
    """The string with every variable replaced by its value; None when one of them has none."""
    done: list[Literal | Fixed] = []
    for piece in pieces(text):
        if isinstance(piece, Variable):
            value = resolve(piece, context)
            if value is None:
                return None
            done.append(Fixed(value))
        else:
            done.append(piece)
    return tuple(done)


def plain(parts: tuple[Literal | Fixed, ...]) -> str:
    """The substituted string as plain text, for operators without wildcards."""
    return "".join(part.text for part in parts)


@lru_cache(maxsize=16384)
def glob(parts: tuple[Literal | Fixed, ...]) -> globs.Test:
    """The substituted string as a pattern: wildcards of the literal parts count, those in values do not."""
    return globs.compile_parts(tuple((part.text, isinstance(part, Fixed)) for part in parts))


def pattern_matches(text: str, value: str, context: Context, variables: bool) -> bool:
    """Whether a value matches a pattern that may hold variables."""
    if not variables or "${" not in text:
        return globs.matches(text, value)
    parts = substitute(text, context)
    return parts is not None and glob(parts)(value)
