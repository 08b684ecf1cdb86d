"""Which specialists a request is for: pure rules over words, examples and files; nothing is loaded, no model is asked.

Evidence is counted in points: a keyword of one word 1, a phrase 2, a closely similar example up to 2, a file that a
specialist knows 2 (at most 4). Who leads by a point is chosen; a request led by a field nobody is installed for is
answered as not available; too close is `ambiguous`, which a model may decide; no evidence is "none of mine".
"""

import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opswright.agents.files import File
from opswright.agents.manifests import Manifest

LEAD = 1.0
SIMILAR = 0.5
FILE_POINTS, FILE_LIMIT = 2.0, 4.0

_WORD = re.compile(r"[a-z0-9]+")
_CLAUSE = re.compile(r"(?:[.;!?]\s+|,?\s+\b(?:and|then|afterwards|after that)\b\s+)+", re.IGNORECASE)
_FOLLOWS = re.compile(
    r"\bthen\b|\bafter(?:wards| that)\b|\bonce\b|\bbased on\b|\bwith (?:the|its|that) result\b|\bthe result\b",
    re.IGNORECASE,
)
_STOP_WORDS = """a an and are as at be by can do does for from how i in is it me my of on or our please so that the
their then there this to us was we what when which who why will with you"""
_STOP = frozenset(_STOP_WORDS.split())


@dataclass(frozen=True)
class Field:
    """What a field of operations is called and what its requests say."""

    name: str
    summary: str
    keywords: tuple[str, ...]
    examples: tuple[str, ...] = ()
    installed: bool = False


@dataclass(frozen=True)
class Step:
    """One specialist's part of a request. `after`: indices of the steps whose receipts it needs."""

    specialist: str
    goal: str
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class Route:
    """The steps, or why there are none. `candidates`: who is too close to call; `absent`: fields not installed."""

    steps: tuple[Step, ...]
    reason: str
    candidates: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def read_fields(manifests: Mapping[str, Manifest]) -> tuple[Field, ...]:
    """The installed specialists and, beside them, the fields of `fields.toml` that have none."""
    known = tomllib.loads((Path(__file__).parent / "fields.toml").read_text(encoding="utf-8"))
    installed = [
        Field(one.name, one.summary, one.routing.keywords, one.routing.examples, installed=True)
        for one in manifests.values()
    ]
    absent = [
        Field(name, entry["summary"], tuple(entry["keywords"]))
        for name, entry in known.items()
        if name not in manifests
    ]
    return (*installed, *absent)


def route(request: str, files: Sequence[File], fields: Sequence[Field]) -> Route:
    """The rules' answer to a request."""
    parts = _parts(request, fields)
    if len({name for name, _, _ in parts}) > 1:
        return _several(parts, fields)
    points = score(request, files, fields)
    best, second = _two_best(points)
    if best is None or points[best] < 1:
        return Route((), "nothing in the request or its files is for a specialist that is installed here")
    field = _named(fields, best)
    if second is not None and points[best] - points[second] < LEAD:
        close = tuple(name for name in points if points[best] - points[name] < LEAD)
        candidates = tuple(name for name in close if _named(fields, name).installed)
        return Route((), f"the request could be for {' or '.join(sorted(close))}", candidates=candidates)
    if not field.installed:
        return Route((), f"{field.summary} is not available in this installation", absent=(best,))
    return Route((Step(best, request),), f"{best}: {points[best]:.1f} points")


def score(request: str, files: Sequence[File], fields: Sequence[Field]) -> dict[str, float]:
    """Points of each field, those without any left out."""
    words = _words(request)
    points: dict[str, float] = {}
    for field in fields:
        by_files = min(FILE_LIMIT, sum(FILE_POINTS for file in files if field.installed and file.role(field.name)))
        total = _keyword_points(words, field.keywords) + _example_points(words, field.examples) + by_files
        if total > 0:
            points[field.name] = total
    return points


def choose(names: Sequence[str], request: str, manifests: Iterable[str], reason: str) -> Route:
    """The route a model chose. Names that no manifest has are dropped: a request cannot talk one into being."""
    known = set(manifests)
    chosen = list(dict.fromkeys(name for name in names if name in known))
    if not chosen:
        return Route((), reason or "no specialist here is for this request")
    return Route(tuple(Step(name, request) for name in chosen), reason)


def _several(parts: Sequence[tuple[str, str, bool]], fields: Sequence[Field]) -> Route:
    """Steps for a request whose clauses are clearly for different fields."""
    steps: list[Step] = []
    absent: list[str] = []
    for name, text, follows in parts:
        if not _named(fields, name).installed:
            absent.append(name)
            continue
        after = (len(steps) - 1,) if follows and steps else ()
        steps.append(Step(name, text, after))
    missing = [_named(fields, name).summary for name in dict.fromkeys(absent)]
    reason = f"not available in this installation: {', '.join(missing)}" if missing else "one step for each part"
    return Route(tuple(steps), reason, absent=tuple(dict.fromkeys(absent)))


def _parts(request: str, fields: Sequence[Field]) -> list[tuple[str, str, bool]]:
    """(field, text, follows the part before) for each clearly attributed clause; others join their neighbour."""
    parts: list[tuple[str, str, bool]] = []
    lead_in, start = "", 0
    for clause, end in _clauses(request):
        points = score(clause, (), fields)
        best, second = _two_best(points)
        clear = best is not None and points[best] - (points[second] if second else 0.0) >= LEAD
        text = request[start:end].strip()
        if clear and best is not None and (not parts or parts[-1][0] != best):
            goal = f"{lead_in} {_CLAUSE.sub('', request[start:end], count=1) if start else text}".strip()
            parts.append((best, goal, bool(_FOLLOWS.search(text))))
            lead_in = ""
        elif parts:
            parts[-1] = (parts[-1][0], f"{parts[-1][1]} {text}", parts[-1][2])
        else:
            lead_in = f"{lead_in} {text}".strip()
        start = end
    return parts


def _clauses(request: str) -> list[tuple[str, int]]:
    """Each clause with the offset of its end; a connective belongs to the clause it opens."""
    cuts = [found.start() for found in _CLAUSE.finditer(request) if found.start() > 0]
    ends = [*cuts, len(request)]
    return [(request[begin:end], end) for begin, end in zip([0, *cuts], ends, strict=True)]


def _two_best(points: Mapping[str, float]) -> tuple[str | None, str | None]:
    ranked = sorted(points, key=lambda name: (-points[name], name))
    return (ranked[0] if ranked else None), (ranked[1] if len(ranked) > 1 else None)


def _named(fields: Sequence[Field], name: str) -> Field:
    return next(field for field in fields if field.name == name)


def _words(text: str) -> list[str]:
    return [_stem(word) for word in _WORD.findall(text.casefold())]


def _stem(word: str) -> str:
    """Plurals only: enough to meet `policies` with `policy`, too little to meet strangers."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _keyword_points(words: Sequence[str], keywords: Iterable[str]) -> float:
    found = {tuple(_words(keyword)) for keyword in keywords}
    return float(sum(min(2, len(phrase)) for phrase in found if phrase and _contains(words, phrase)))


def _contains(words: Sequence[str], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(tuple(words[at : at + size]) == phrase for at in range(len(words) - size + 1))


def _example_points(words: Sequence[str], examples: Iterable[str]) -> float:
    mine = set(words) - _STOP
    best = 0.0
    for example in examples:
        theirs = set(_words(example)) - _STOP
        if mine and theirs:
            best = max(best, len(mine & theirs) / math.sqrt(len(mine) * len(theirs)))
    return 2 * best if best >= SIMILAR else 0.0
