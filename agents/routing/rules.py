"""The rules' answer to a request: steps in order, and how sure they are. Nothing is loaded, no model is asked."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from opswright.agents.files import File
from opswright.agents.manifests import Manifest
from opswright.agents.routing.clauses import Cut, cut, looked_at
from opswright.agents.routing.features import boundary_features, clause_features, stem
from opswright.agents.routing.ordering import Step, steps_of
from opswright.agents.routing.scoring import NOBODY, Decoded, change_scores, clause_scores, decode, read_weights
from opswright.agents.routing.vocabulary import grammar, read_vocabulary
from opswright.agents.routing.words import elements

POINT = 3.0  # what a keyword of a manifest is worth, in natural logarithms of odds against "nobody"; a phrase twice
MOST_POINTS = 4.0
SIMILAR = 0.5
_NEVER = -60.0


@dataclass(frozen=True)
class Field:
    """What a field of operations is called, what is its work and what is not, and whether a specialist is installed."""

    name: str
    summary: str
    not_its_work: str = ""
    keywords: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    installed: bool = False


@dataclass(frozen=True)
class Route:
    """The steps, or why there are none. `sure`: right so often that nobody else need be asked; `by`: rules or model."""

    steps: tuple[Step, ...]
    reason: str
    probability: float = 0.0
    sure: bool = False
    by: str = "rules"


def read_fields(manifests: Mapping[str, Manifest]) -> tuple[Field, ...]:
    """The fields that there is a vocabulary for, and the specialists that bring their own keywords."""
    known = read_vocabulary().summaries
    fields = [Field(name, does, does_not, installed=name in manifests) for name, (does, does_not) in known.items()]
    own = [
        Field(one.name, one.summary, "", one.routing.keywords, one.routing.examples, installed=True)
        for one in manifests.values()
        if one.name not in known
    ]
    return (*fields, *own)


def route(request: str, files: Sequence[File], fields: Sequence[Field]) -> Route:
    """The rules' answer to a request; for any text, in bounded time."""
    text = looked_at(request)
    found = cut(text, read_vocabulary())
    if not found.clauses or not found.tokens:
        return _by_files(files, fields, request) or Route((), "the request has no words", 1.0, sure=True)
    decoded = _decoded(found, fields)
    if set(decoded.labels) == {NOBODY}:
        nothing = Route((), "nothing in the request is for one of the specialists", decoded.probability)
        by_files = None if _nobodys(found) else _by_files(files, fields, request)
        return by_files or replace(nothing, sure=decoded.probability >= read_weights().sure)
    steps = steps_of(found, decoded.labels, text)
    if len(steps) == 1:
        steps = (replace(steps[0], goal=request.strip()),)
    reason = f"{', then '.join(step.specialist for step in steps)}: probability {decoded.probability:.2f}"
    return Route(steps, reason, decoded.probability, sure=decoded.probability >= read_weights().sure)


def _decoded(found: Cut, fields: Sequence[Field]) -> Decoded:
    weights = read_weights()
    scores = [clause_scores(features, weights) for features in clause_features(found)]
    changes = [change_scores(features, weights) for features in boundary_features(found)]
    own = [field for field in fields if field.keywords or field.examples]
    nobody = weights.labels.index(NOBODY)
    for clause, row in zip(found.clauses, scores, strict=True):
        words = [stem(token.text) for token in found.tokens[clause.first : clause.last]]
        for field in own:
            points = _points(words, field)
            row.append(row[nobody] + POINT * min(points, MOST_POINTS) if points else _NEVER)
    known = {field.name for field in fields}
    labels = (*weights.labels, *(field.name for field in own))
    for row in scores:
        for at, label in enumerate(labels):
            if label != NOBODY and label not in known:
                row[at] = _NEVER
    return decode(labels, scores, changes)


def _points(words: Sequence[str], field: Field) -> float:
    """Points of a specialist that brings keywords and examples: a word 1, a phrase 2, a similar example up to 2."""
    phrases = {tuple(stem(word) for word in elements(keyword)) for keyword in field.keywords}
    found = sum(min(2, len(phrase)) for phrase in phrases if phrase and _contains(words, phrase))
    mine = set(words) - grammar("stop")
    best = 0.0
    for example in field.examples:
        theirs = {stem(word) for word in elements(example)} - grammar("stop")
        if mine and theirs:
            best = max(best, len(mine & theirs) / math.sqrt(len(mine) * len(theirs)))
    return found + (2 * best if best >= SIMILAR else 0.0)


def _contains(words: Sequence[str], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(tuple(words[at : at + size]) == phrase for at in range(len(words) - size + 1))


def _nobodys(found: Cut) -> bool:
    """Whether it says what it wants, and that is nobody's."""
    return any(hit.concept.startswith("nobody.") for hit in found.hits)


def _by_files(files: Sequence[File], fields: Sequence[Field], request: str) -> Route | None:
    """Files speak where words do not: the one field that knows most of them."""
    known = read_vocabulary().files
    counts: dict[str, int] = {}
    for field in fields:
        globs = [glob for owner, glob in known if owner == field.name]
        mine = [
            file
            for file in files
            if file.role(field.name) or any(glob.match(re.split(r"[/\\]", file.name)[-1].casefold()) for glob in globs)
        ]
        if mine:
            counts[field.name] = len(mine)
    most = max(counts.values(), default=0)
    best = [name for name, count in counts.items() if count == most]
    if len(best) != 1 or not request.strip():
        return None
    return Route((Step(best[0], request.strip()),), f"{best[0]}: by its files", 0.5)
