"""Glob patterns, ARN patterns and strings with variables as cvc5 string constraints; part of the peer encoder.

Written from the IAM User Guide alone, apart from the engine under test.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Term = Any  # cvc5's terms are untyped in its Python interface

_VARIABLE = re.compile(r"\$\{([^${}]*|\$)\}")
_DEFAULT = re.compile(r"\s*([^,']*?)\s*,\s*'([^']*)'\s*")


class NotCovered(Exception):
    """The encoder has no exact constraint for this; the pair is then not judged by the peer, and counted as such.

    `what` names the construct alone; the message may add whose it is.
    """

    def __init__(self, what: str, whose: str = "") -> None:
        super().__init__(f"{what}: {whose}" if whose else what)
        self.what = what


@dataclass(frozen=True)
class Piece:
    """A piece of a pattern: a wildcard (`*` or `?`), fixed text, or a variable's key with its default."""

    kind: str
    text: str = ""
    default: str | None = None


def pieces(pattern: str, with_variables: bool) -> list[Piece]:
    """A pattern cut into wildcards, fixed texts and variables."""
    found: list[Piece] = []
    at = 0
    for match in _VARIABLE.finditer(pattern) if with_variables else ():
        found += _plain(pattern[at : match.start()])
        inner = match.group(1)
        default = _DEFAULT.fullmatch(inner)
        if inner in ("*", "?", "$"):
            found.append(Piece("text", inner))
        elif default:
            found.append(Piece("variable", default.group(1).lower(), default.group(2)))
        else:
            found.append(Piece("variable", inner.strip().lower()))
        at = match.end()
    return found + _plain(pattern[at:])


def _plain(text: str) -> list[Piece]:
    return [Piece(part) if part in ("*", "?") else Piece("text", part) for part in re.split(r"([*?])", text) if part]


class Strings:
    """Builds constraints over one solver's term manager."""

    def __init__(self, manager: Any) -> None:
        from cvc5 import Kind  # type: ignore[import-untyped]

        self.manager = manager
        self.kind = Kind

    def make(self, kind: Any, *terms: Term) -> Term:
        """A term; shorter to read than the manager's own name."""
        return self.manager.mkTerm(kind, *terms)

    def all_of(self, terms: Sequence[Term]) -> Term:
        """Conjunction of any number of terms."""
        if len(terms) < 2:
            return terms[0] if terms else self.manager.mkTrue()
        return self.make(self.kind.AND, *terms)

    def any_of(self, terms: Sequence[Term]) -> Term:
        """Disjunction of any number of terms."""
        if len(terms) < 2:
            return terms[0] if terms else self.manager.mkFalse()
        return self.make(self.kind.OR, *terms)

    def negation(self, term: Term) -> Term:
        """Not."""
        return self.make(self.kind.NOT, term)

    def equal(self, one: Term, other: Term) -> Term:
        """Equality."""
        return self.make(self.kind.EQUAL, one, other)

    def text(self, value: str) -> Term:
        """A constant string."""
        return self.manager.mkString(value)

    def number(self, value: int) -> Term:
        """A constant integer."""
        return self.manager.mkInteger(str(value))

    def same(self, subject: Term, value: str, ignore_case: bool = False) -> Term:
        """Equality with a constant, maybe in any case."""
        if not ignore_case:
            return self.equal(subject, self.text(value))
        letters = [self._union({c.lower(), c.upper()}) for c in value]
        return self.make(self.kind.STRING_IN_REGEXP, subject, self._concat(letters))

    def glob(self, subject: Term, pattern: Sequence[Piece]) -> Term:
        """Whether the subject matches a pattern without variables: `*` any run, `?` one character, over all of it."""
        if all(piece.kind == "text" for piece in pattern):
            return self.same(subject, "".join(piece.text for piece in pattern))
        if [piece.kind for piece in pattern] == ["*"]:
            return self.manager.mkTrue()
        return self.make(self.kind.STRING_IN_REGEXP, subject, self._concat([self._letters(p, None) for p in pattern]))

    def arn(self, subject: Term, pattern: str) -> Term:
        """Whether the subject is an ARN whose six components match those of the pattern one by one."""
        parts = pattern.split(":", 5)
        if len(parts) < 6:
            return self.manager.mkFalse()
        letters: list[Term] = []
        for at, part in enumerate(parts):
            if at:
                letters.append(self.make(self.kind.STRING_TO_REGEXP, self.text(":")))
            letters += [self._letters(piece, ":" if at < 5 else None) for piece in _plain(part)]
        return self.make(self.kind.STRING_IN_REGEXP, subject, self._concat(letters))

    def glob_with_terms(self, subject: Term, pattern: Sequence[Piece | Term]) -> Term:
        """As `glob` where some pieces are string terms (variables' values, in which wildcards are mere characters).

        The leftmost place for each run between two stars is always good enough, so `indexof` decides it.
        Raises NotCovered for a `?`.
        """
        if any(isinstance(piece, Piece) and piece.kind == "?" for piece in pattern):
            raise NotCovered("`?` beside a variable")
        runs: list[list[Term]] = [[]]
        for piece in pattern:
            if isinstance(piece, Piece) and piece.kind == "*":
                runs.append([])
            else:
                runs[-1].append(self.text(piece.text) if isinstance(piece, Piece) else piece)
        parts = [self._joined(run) for run in runs]
        if len(parts) == 1:
            return self.equal(subject, parts[0])
        k = self.kind
        first, last = parts[0], parts[-1]
        end = self.make(k.STRING_LENGTH, first)
        holds = [self.make(k.STRING_PREFIX, first, subject), self.make(k.STRING_SUFFIX, last, subject)]
        for run in parts[1:-1]:
            place = self.make(k.STRING_INDEXOF, subject, run, end)
            holds.append(self.make(k.GEQ, place, self.number(0)))
            end = self.make(k.ADD, place, self.make(k.STRING_LENGTH, run))
        left = self.make(k.SUB, self.make(k.STRING_LENGTH, subject), self.make(k.STRING_LENGTH, last))
        return self.all_of([*holds, self.make(k.LEQ, end, left)])

    def in_pattern(self, subject: Term, expression: Term) -> Term:
        """Membership in a regular language."""
        return self.make(self.kind.STRING_IN_REGEXP, subject, expression)

    def fixed(self, value: str) -> Term:
        """The language of one string."""
        return self.make(self.kind.STRING_TO_REGEXP, self.text(value))

    def concat(self, expressions: Sequence[Term]) -> Term:
        """Languages one after the other."""
        return self._concat(list(expressions))

    def many(self, low: str, high: str, times: int | None = None, extra: str = "") -> Term:
        """Runs of characters between two, or of `extra`; a fixed number of them or any."""
        k = self.kind
        letter = self.make(k.REGEXP_RANGE, self.text(low), self.text(high))
        if extra:
            letter = self.make(k.REGEXP_UNION, letter, *(self.fixed(char) for char in extra))
        return self.make(k.REGEXP_STAR, letter) if times is None else self._concat([letter] * times)

    def anything(self, least: int = 0) -> Term:
        """Any string of at least so many characters."""
        one = self.manager.mkRegexpAllchar()
        return self._concat([one] * least + [self.manager.mkRegexpAll()])

    def _letters(self, piece: Piece, without: str | None) -> Term:
        """A wildcard or fixed text as a language; wildcards do not match the character `without`."""
        k = self.kind
        if piece.kind == "text":
            return self.make(k.STRING_TO_REGEXP, self.text(piece.text))
        one = self.manager.mkRegexpAllchar()
        if without is not None:
            one = self.make(k.REGEXP_DIFF, one, self.make(k.STRING_TO_REGEXP, self.text(without)))
        if piece.kind == "?":
            return one
        return self.manager.mkRegexpAll() if without is None else self.make(k.REGEXP_STAR, one)

    def _union(self, chars: set[str]) -> Term:
        letters = [self.make(self.kind.STRING_TO_REGEXP, self.text(char)) for char in sorted(chars)]
        return letters[0] if len(letters) == 1 else self.make(self.kind.REGEXP_UNION, *letters)

    def _concat(self, letters: Sequence[Term]) -> Term:
        if len(letters) < 2:
            return letters[0] if letters else self.fixed("")
        return self.make(self.kind.REGEXP_CONCAT, *letters)

    def _joined(self, run: Sequence[Term]) -> Term:
        if len(run) < 2:
            return run[0] if run else self.text("")
        return self.make(self.kind.STRING_CONCAT, *run)
