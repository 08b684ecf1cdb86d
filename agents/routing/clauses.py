"""A request cut into clauses, each with the words that tie it to its neighbours (`then`, `but first`, `before`)."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from opswright.agents.routing.vocabulary import FOLDER, Hit, Vocabulary, grammar
from opswright.agents.routing.words import Token, elements

LOOKED_AT = 4000, 2000  # characters at a request's beginning and end; what lies between is pasted text
SHORTEST = 3  # tokens before a "then" that is not inside its clause, as in "und prüfe danach ..."
MOST = 24  # clauses of a request; further cuts are not made

_SENTENCE = re.compile(r"[.!?;](?=\s|$|[\"')\]])|[\u3002\uff01\uff1f\uff1b\u037e\u061f]|\n")
_PLUS = re.compile(r"\s(?:\+|&|&&|/)\s")
_COMMA = re.compile(r"[,\u3001\uff0c\u060c]")
_DASH = re.compile(r"\s[-\u2013\u2014]\s|\u2014|:\s")
_VERBS = ("find", "check", "repair", "count", "make", "explain", "improve")
_STARTERS = frozenset(
    {f"common.{verb}" for verb in _VERBS}
    | {"chaos.break", "chaos.hinder", "sql.measure", "logs.analyse", "policy.who", "nobody.knowledge"}
)
_VERB_LAST = frozenset({"zh", "ja", "ko", "tr"})


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause. `first`, `last`: its tokens (last excluded); `content`: the first token after its connectives;

    `gap`: what stands before it; `marks`: its connectives' kinds; `ends`: kinds of connectives that close it.
    """

    first: int
    last: int
    content: int
    gap: str
    marks: frozenset[str]
    ends: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Cut:
    """A request as tokens, concepts and clauses."""

    text: str
    tokens: Sequence[Token] = field(repr=False)
    hits: Sequence[Hit] = field(repr=False)
    clauses: Sequence[Clause]
    spoken: frozenset[str]

    def hits_of(self, clause: Clause) -> list[Hit]:
        """The concepts of one clause."""
        return [hit for hit in self.hits if clause.first <= hit.at < clause.last]


@dataclass(frozen=True, slots=True)
class _Mark:
    at: int
    size: int
    kind: str


def looked_at(request: str) -> str:
    """What of a request is looked at: all, or both ends of a very long one."""
    head, tail = LOOKED_AT
    return request if len(request) <= head + tail else f"{request[:head]}\n{request[-tail:]}"


def cut(text: str, vocabulary: Vocabulary) -> Cut:
    """The clauses of a text that is at most as long as `looked_at` makes it."""
    tokens = vocabulary.tokens(text)
    spoken = vocabulary.spoken(tokens)
    hits = vocabulary.hits(tokens, spoken)
    gaps = _gaps(text, tokens)
    marks = _marks(tokens, spoken)
    ends = _ends(text, tokens, spoken)
    starts = {hit.at for hit in hits if hit.concept in _STARTERS}
    clauses = _clauses(tokens, gaps, marks, ends, starts, spoken)
    return Cut(text, tokens, hits, clauses, spoken)


def _gaps(text: str, tokens: Sequence[Token]) -> list[str]:
    """What stands before each token: sentence, plus, comma, dash or nothing; inside brackets and quotes `inside`."""
    found: list[str] = []
    depth, quoted, end = 0, False, 0
    for at, token in enumerate(tokens):
        between = text[end : token.start]
        depth = max(0, depth + sum(between.count(one) for one in "([{") - sum(between.count(one) for one in ")]}"))
        if between.count('"') % 2:
            quoted = not quoted and '"' in text[token.start :]
        found.append("inside" if depth or quoted else _gap(between, tokens[at - 1] if at else None))
        end = token.end
    return found


def _gap(between: str, previous: Token | None) -> str:
    if _SENTENCE.search(between) and not (
        previous is not None and "\n" not in between and (previous.text in grammar("abbreviations"))
    ):
        return "sentence"
    if _PLUS.search(between):
        return "plus"
    if _COMMA.search(between):
        return "comma"
    return "dash" if _DASH.search(between) else ""


def _marks(tokens: Sequence[Token], spoken: frozenset[str]) -> dict[int, _Mark]:
    """The longest connective at each token."""
    known = _connectives()
    found: dict[int, _Mark] = {}
    for at, token in enumerate(tokens):
        for rest, kind, language in known.get(token.text, ()):
            if language not in spoken or token.form:
                continue
            size = 1 + len(rest)
            if [one.text for one in tokens[at + 1 : at + size]] != list(rest):
                continue
            if at not in found or size > found[at].size:
                found[at] = _Mark(at, size, kind)
    return found


@cache
def _connectives() -> Mapping[str, Sequence[tuple[tuple[str, ...], str, str]]]:
    found: dict[str, list[tuple[tuple[str, ...], str, str]]] = defaultdict(list)
    for kind, listed in _texts().items():
        if kind.startswith("ends_"):
            continue
        for language, patterns in listed.items():
            for pattern in patterns:
                first, *rest = elements(pattern)
                found[first].append((tuple(rest), kind, language))
    return dict(found)


@cache
def _texts() -> Mapping[str, Mapping[str, Sequence[str]]]:
    return tomllib.loads((FOLDER / "connectives.toml").read_text(encoding="utf-8"))


@cache
def _closing(language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Regular expressions for the connectives that close a clause in a language that has them."""
    found = []
    for kind in ("ends_before", "ends_after"):
        patterns = _texts()[kind].get(language, ())
        plain = "|".join(re.escape(one.lstrip("*")) for one in patterns)
        if plain:
            found.append((kind.removeprefix("ends_"), re.compile(plain, re.IGNORECASE)))
    return tuple(found)


def _ends(text: str, tokens: Sequence[Token], spoken: frozenset[str]) -> dict[int, str]:
    """By token: it is the last of a clause that a connective closes. Turkish is compared without its accents."""
    found: dict[int, str] = {}
    for language in sorted(spoken & _VERB_LAST):
        for kind, pattern in _closing(language):
            for match in pattern.finditer(text):
                at = next((at for at, one in enumerate(tokens) if one.end >= match.end()), len(tokens) - 1)
                found.setdefault(at, kind)
        if language == "tr":
            for at in range(1, len(tokens)):
                if tokens[at].text in ("once", "sonra") and tokens[at - 1].text[-3:] in ("dan", "den", "tan", "ten"):
                    found[at] = "before" if tokens[at].text == "once" else "after"
    return found


def _clauses(
    tokens: Sequence[Token],
    gaps: Sequence[str],
    marks: Mapping[int, _Mark],
    ends: Mapping[int, str],
    starts: set[int],
    spoken: frozenset[str],
) -> list[Clause]:
    if not tokens:
        return []
    bounds = [0]
    subordinate = False
    inside = -1  # the last token of a connective of several words
    for at in range(len(tokens)):
        mark = marks.get(at)
        late = mark is not None and mark.kind in ("then", "also") and not gaps[at] and at - bounds[-1] < SHORTEST
        late = late and not (mark is not None and at + mark.size in starts)  # "tune nfs then check the logs"
        begun = at > _after_marks(bounds[-1], marks)  # "but before that" is one opening, not three clauses
        may = at > inside and begun and not (late and at - 1 not in ends) and len(bounds) < MOST
        if may and _cuts(at, tokens, gaps, marks, ends, starts, spoken, subordinate):
            bounds.append(at)
        if bounds[-1] == at:
            subordinate = mark is not None and mark.kind in ("before", "after")
        if mark is not None:
            inside = max(inside, at + mark.size - 1)
    return [
        _clause(first, last, gaps, marks, ends) for first, last in zip(bounds, [*bounds[1:], len(tokens)], strict=True)
    ]


def _after_marks(at: int, marks: Mapping[int, _Mark]) -> int:
    """The first token after the connectives that stand at a token."""
    while at in marks:
        at += marks[at].size
    return at


def _cuts(
    at: int,
    tokens: Sequence[Token],
    gaps: Sequence[str],
    marks: Mapping[int, _Mark],
    ends: Mapping[int, str],
    starts: set[int],
    spoken: frozenset[str],
    subordinate: bool,
) -> bool:
    """Whether a clause may begin at a token; whether it is another task is decided later."""
    gap, mark = gaps[at], marks.get(at)
    if gap == "inside":
        return False
    if gap in ("sentence", "plus") or at - 1 in ends:
        return True
    opens = at in starts or at + 1 in starts or tokens[at].text in grammar("asking")
    if gap == "comma" and (subordinate or opens or mark is not None or spoken & _VERB_LAST):
        return True
    if gap == "dash" and (opens or mark is not None):
        return True
    if mark is None:
        return False
    if mark.kind == "first" and not gap:
        return False  # "check it first", "prüfe zuerst": inside its clause
    following = tokens[at + mark.size].text if at + mark.size < len(tokens) else ""
    if mark.kind == "and":
        after = at + mark.size
        opens = after in starts or following in grammar("asking") or following in grammar("articles")
        return opens or (after in marks and marks[after].kind != "and")
    if tokens[at].text in ("before", "after", "once", "prior", "following"):
        return mark.size > 1 or following in grammar("subjects") or following.endswith("ing")
    if tokens[at].text in grammar("weak") and mark.size == 1:
        return False
    return not (mark.size == 1 and len(tokens[at].text) == 1)


def _clause(first: int, last: int, gaps: Sequence[str], marks: Mapping[int, _Mark], ends: Mapping[int, str]) -> Clause:
    at, kinds = first, []
    while at in marks and at < last - 1:
        kinds.append(marks[at].kind)
        at = min(last, at + marks[at].size)
        if kinds[-1] in ("before", "after"):
            break
    late = {marks[place].kind for place in range(at, last) if place in marks}
    if ("but" in kinds or gaps[first] == "comma") and "first" in late:
        kinds.append("first")  # "but check the log first"
    if any(marks[place].kind == "then" for place in range(at, min(last, at + 3)) if place in marks):
        kinds.append("then")  # "and repair then"
    return Clause(
        first, last, at, gaps[first], frozenset(kinds), frozenset({ends[last - 1]} if last - 1 in ends else ())
    )
