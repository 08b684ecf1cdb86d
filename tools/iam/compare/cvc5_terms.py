"""Patterns as cvc5 terms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opswright.tools.iam.compare.patterns import Many, One, Pattern, Token
from opswright.tools.iam.variables import Fixed, Literal

Term = Any  # cvc5's Python interface has no types


class Uncovered(Exception):
    """There is no exact constraint for this."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A term in the place of a variable."""

    term: Term


class Terms:
    """Makes terms with one manager; `kinds` is cvc5's enumeration of term kinds."""

    def __init__(self, manager: Any, kinds: Any) -> None:
        self._manager = manager
        self._kinds = kinds
        self.true = manager.mkTrue()

    def _make(self, kind: str, *terms: Term) -> Term:
        return self._manager.mkTerm(getattr(self._kinds, kind), *terms)

    def all_of(self, terms: Sequence[Term]) -> Term:
        if len(terms) < 2:
            return terms[0] if terms else self.true
        return self._make("AND", *terms)

    def any_of(self, terms: Sequence[Term]) -> Term:
        if len(terms) < 2:
            return terms[0] if terms else self._manager.mkFalse()
        return self._make("OR", *terms)

    def negation(self, term: Term) -> Term:
        return self._make("NOT", term)

    def equal(self, one: Term, other: Term) -> Term:
        return self._make("EQUAL", one, other)

    def number(self, value: int) -> Term:
        return self._manager.mkInteger(value)

    def between(self, term: Term, low: int, high: int) -> Term:
        return self.all_of([self._make("GEQ", term, self.number(low)), self._make("LEQ", term, self.number(high))])

    def text(self, value: str) -> Term:
        """A constant; characters that cvc5's escapes could swallow are written as escapes themselves."""
        escaped = "".join(char if " " <= char <= "~" and char != "\\" else f"\\u{{{ord(char):x}}}" for char in value)
        return self._manager.mkString(escaped, True)

    def string(self, name: str) -> Term:
        return self._manager.mkConst(self._manager.getStringSort(), name)

    def integer(self, name: str) -> Term:
        return self._manager.mkConst(self._manager.getIntegerSort(), name)

    def boolean(self, name: str) -> Term:
        return self._manager.mkConst(self._manager.getBooleanSort(), name)

    def matches(self, value: Term, pattern: Pattern) -> Term:
        """Whether a value matches a pattern without unknowns."""
        if pattern.universal:
            return self.true
        if pattern.literal is not None:
            return self.equal(value, self.text(pattern.literal))
        parts = [self._regex(token) for token in pattern.tokens]
        whole = parts[0] if len(parts) == 1 else self._make("REGEXP_CONCAT", *parts)
        return self._make("STRING_IN_REGEXP", value, whole)

    def _regex(self, token: Token) -> Term:
        if isinstance(token, str):
            return self._one_of([self._make("STRING_TO_REGEXP", self.text(char)) for char in token])
        if isinstance(token, One):
            return self._any_but(token.excluded)
        if isinstance(token, Many) and token.allowed:
            allowed = [self._make("STRING_TO_REGEXP", self.text(char)) for char in token.allowed]
            return self._make("REGEXP_STAR", self._one_of(allowed))
        if isinstance(token, Many):
            return self._make("REGEXP_STAR", self._any_but(token.excluded))
        raise Uncovered("an open pattern")

    def _any_but(self, excluded: str) -> Term:
        anything = self._manager.mkTerm(self._kinds.REGEXP_ALLCHAR)
        if not excluded:
            return anything
        others = self._one_of([self._make("STRING_TO_REGEXP", self.text(char)) for char in excluded])
        return self._make("REGEXP_DIFF", anything, others)

    def _one_of(self, terms: Sequence[Term]) -> Term:
        return terms[0] if len(terms) == 1 else self._make("REGEXP_UNION", *terms)

    def with_terms(self, value: Term, parts: Sequence[Literal | Fixed | Term], reading: str) -> Term:
        """Whether a value matches a pattern some parts of which are terms.

        Between two stars the leftmost place is always good enough, so `indexof` decides it.
        """
        if reading != "glob":
            whole = self._joined([self._plain(part) for part in parts])
            if reading == "exact":
                return self.equal(value, whole)
            return self.equal(self._make("STRING_TO_LOWER", value), self._make("STRING_TO_LOWER", whole))
        runs: list[list[Term]] = [[]]
        for part in parts:
            if not isinstance(part, Literal):
                runs[-1].append(self._plain(part))
                continue
            if "?" in part.text:
                raise Uncovered("`?` beside a variable")
            for count, text in enumerate(part.text.split("*")):
                if count:
                    runs.append([])
                if text:
                    runs[-1].append(self.text(text))
        return self._in_order(value, [self._joined(run) for run in runs])

    def _plain(self, part: Literal | Fixed | Term) -> Term:
        return self.text(part.text) if isinstance(part, Literal | Fixed) else part

    def _joined(self, terms: Sequence[Term]) -> Term:
        if len(terms) < 2:
            return terms[0] if terms else self.text("")
        return self._make("STRING_CONCAT", *terms)

    def _in_order(self, value: Term, runs: Sequence[Term]) -> Term:
        """Whether a value begins with the first run, ends with the last, and holds the others between, in order."""
        if len(runs) == 1:
            return self.equal(value, runs[0])
        holds = [self._make("STRING_PREFIX", runs[0], value)]
        end = self._make("STRING_LENGTH", runs[0])
        for run in runs[1:-1]:
            at = self._make("STRING_INDEXOF", value, run, end)
            holds.append(self._make("GEQ", at, self.number(0)))
            end = self._make("ADD", at, self._make("STRING_LENGTH", run))
        last = self._make("STRING_LENGTH", runs[-1])
        holds.append(self._make("STRING_SUFFIX", runs[-1], value))
        holds.append(self._make("GEQ", self._make("STRING_LENGTH", value), self._make("ADD", end, last)))
        return self.all_of(holds)
