"""Patterns with unknown values in a form that a search can follow: the stretch that stands for a value is marked."""

from collections.abc import Mapping
from itertools import product

from opswright.tools.iam.compare import patterns, strings
from opswright.tools.iam.compare.patterns import ANY, Mark, One, Pattern, Token, Unknown
from opswright.tools.iam.compare.sets import Union

Contents = Mapping[str, Union]  # by key: patterns one of which the value matches; missing: it may be anything
MAX_ALTERNATIVES = 16
_SOMETHING: tuple[Token, ...] = (One(), ANY)  # an unknown value is never empty


def spine(union: Union, contents: Contents) -> Union:
    """The union with every unknown value spelled out between marks."""
    found: dict[Pattern, None] = {}
    for one in union:
        found.update(dict.fromkeys(_spelled(one, contents)))
    return tuple(found)


def _spelled(one: Pattern, contents: Contents) -> list[Pattern]:
    unknowns = [token for token in one.tokens if isinstance(token, Unknown)]
    keys = sorted({unknown.key for unknown in unknowns})
    alternatives = [[known.tokens for known in contents.get(key, ())] or [_SOMETHING] for key in keys]
    combinations = list(product(*alternatives))
    if len(combinations) > MAX_ALTERNATIVES:
        combinations = [(_SOMETHING,) * len(keys)]
    return [_with_contents(one, dict(zip(keys, values, strict=True))) for values in combinations]


def _with_contents(one: Pattern, values: Mapping[str, tuple[Token, ...]]) -> Pattern:
    found: list[Token] = []
    for token in one.tokens:
        if not isinstance(token, Unknown):
            found.append(token)
            continue
        inner = values[token.key]
        folded = [_folded(char) for char in inner] if token.fold else inner
        found.extend([Mark(token, True), *folded, Mark(token, False)])
    return patterns.pattern(tuple(found))


def _folded(token: Token) -> Token:
    return patterns.fold(token[0]) if isinstance(token, str) else token


def relaxed(union: Union) -> Union:
    """The union with any text in the place of unknown values."""
    return tuple(dict.fromkeys(_relaxed(one) for one in union))


def _relaxed(one: Pattern) -> Pattern:
    if not one.unknowns:
        return one
    found: list[Token] = []
    for token in one.tokens:
        found.extend(_SOMETHING if isinstance(token, Unknown) else (token,))
    return patterns.pattern(tuple(found))


def empty_fits(spine_first: tuple[Union, ...], negatives: Union) -> bool:
    """Whether the empty text might fit, marks not counted. Errs on the side of yes."""
    return all(any(_may_be_empty(one) for one in union) for union in spine_first) and not any(
        strings.accepts(one, "") for one in negatives if not one.unknowns
    )


def _may_be_empty(one: Pattern) -> bool:
    return all(isinstance(token, patterns.Many) for token in one.tokens)
