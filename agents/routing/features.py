"""What a clause says for a field, as named features: concepts, their pairs and order, heads of compounds, words."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from opswright.agents.routing.clauses import Clause, Cut
from opswright.agents.routing.vocabulary import OTHERS, Hit, grammar

NEAR = 4  # tokens between two concepts that are read together
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff]")

Features = Counter[str]


def clause_features(cut: Cut) -> list[Features]:
    """The features of each clause, its neighbours' concepts among them."""
    hits = [cut.hits_of(clause) for clause in cut.clauses]
    found = [_own(cut, clause, mine) for clause, mine in zip(cut.clauses, hits, strict=True)]
    for at, features in enumerate(found):
        if at:
            features.update({f"<{concept}": 0.5 for concept in _concepts(hits[at - 1])})
        if at + 1 < len(found):
            features.update({f">{concept}": 0.5 for concept in _concepts(hits[at + 1])})
    return found


def boundary_features(cut: Cut) -> list[Features]:
    """The features of each place between two clauses: what speaks for another task there."""
    return [_boundary(cut, before, after) for before, after in pairwise(cut.clauses)]


def _concepts(hits: Sequence[Hit]) -> list[str]:
    return sorted({hit.concept for hit in hits})


def _field(concept: str) -> str:
    return concept.partition(".")[0]


def _own(cut: Cut, clause: Clause, hits: Sequence[Hit]) -> Features:
    found: Features = Counter()
    found["bias"] = 1
    concepts = Counter(hit.concept for hit in hits)
    for concept, count in concepts.items():
        found[f"c:{concept}"] = 1
        if count > 1:
            found[f"cc:{concept}"] = 1
    fields = {_field(concept) for concept in concepts} - set(OTHERS)
    found[f"fields:{min(len(fields), 4)}"] = 1
    for name in fields:
        found[f"f:{name}"] = 1
        if len(fields) == 1:
            found[f"only:{name}"] = 1
    if "nobody" in {_field(concept) for concept in concepts}:
        found["nobody"] = 1
    things = sum(concept in _things() for concept in concepts)
    found[f"things:{min(things, 3)}"] = 1
    if not things:
        found.update({f"bare:{concept}": 1 for concept in concepts})
    proper = min(2, sum(_is_proper(cut, at) for at in range(clause.content + 1, clause.last)))
    found[f"proper:{proper}"] = 1
    if proper:
        found.update({f"proper:{concept}": 1 for concept in concepts})
    names = sorted(concepts)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            found[f"p:{one}|{other}"] = 1
    for kind, feature in _order(hits):
        found[f"{kind}:{feature}"] = 1
    for feature in _words(cut, clause):
        found[feature] = 1
    return found


def _things() -> frozenset[str]:
    """Concepts that are things of a field, and no verbs or questions that any talk may have."""
    return grammar("things")


def _is_proper(cut: Cut, at: int) -> bool:
    """A word with one capital at its beginning in the midst of a clause: a name, in most languages."""
    token = cut.tokens[at]
    word = cut.text[token.start : token.end]
    return not token.form and len(word) > 2 and word.istitle() and "de" not in cut.spoken


def _order(hits: Sequence[Hit]) -> Iterator[tuple[str, str]]:
    """First and last concept, neighbours in order, and which of a compound is its head."""
    mine = [hit for hit in hits if not hit.concept.startswith("common.")]
    if hits:
        yield "first", hits[0].concept
    if mine:
        yield "1st", mine[0].concept
        yield "last", mine[-1].concept
    for one, other in pairwise(hits):
        gap = other.at - one.at - one.size
        if gap <= NEAR and other.at > one.at:
            yield "n", f"{one.concept}>{other.concept}"
        if gap == 0:
            yield "mod", one.concept
    for at, hit in enumerate(mine):
        after = mine[at + 1] if at + 1 < len(mine) else None
        if after is None or after.at > hit.at + hit.size:
            yield "head", hit.concept


def _words(cut: Cut, clause: Clause) -> Iterator[str]:
    """Words, pairs of them, the beginning of longer ones; characters in pairs where words are not spaced."""
    tokens = cut.tokens[clause.content : clause.last]
    words = [f"<{token.form}>" if token.form else stem(token.text) for token in tokens]
    for at, word in enumerate(words):
        yield f"w:{word}"
        if at:
            yield f"b:{words[at - 1]} {word}"
    for at, word in enumerate(words[:2]):
        yield f"s{at}:{word}"
    text = cut.text[tokens[0].start : tokens[-1].end] if tokens else ""
    if "zh" in cut.spoken or "ja" in cut.spoken:
        for pair in pairwise(text):
            if all(_UNSPACED.match(one) for one in pair):
                yield f"g:{''.join(pair)}"
    if tokens and cut.text[tokens[-1].end : tokens[-1].end + 3].lstrip()[:1] in ("?", "\uff1f"):
        yield "asks"
    yield f"long:{min(len(words) // 6, 4)}"


def stem(word: str) -> str:
    """A word by its beginning: plurals and verb forms meet, strangers seldom do."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word if len(word) <= 8 else word[:7]


def _boundary(cut: Cut, before: Clause, after: Clause) -> Features:
    found: Features = Counter()
    found["bias"] = 1
    found[f"gap:{after.gap}"] = 1
    for mark in after.marks:
        found[f"mark:{mark}"] = 1
    for mark in before.ends:
        found[f"ends:{mark}"] = 1
    if before.marks & {"before", "after"}:
        found["subordinate"] = 1
    if not after.marks:
        found[f"bare:{after.gap}"] = 1
    for at, token in enumerate(cut.tokens[after.content : after.content + 2]):
        found[f"s{at}:{'<form>' if token.form else stem(token.text)}"] = 1
    for side, clause in (("old", before), ("new", after)):
        hits = cut.hits_of(clause)
        found[f"{side}:{min(len({_field(hit.concept) for hit in hits} - set(OTHERS)), 3)}"] = 1
        if any(cut.tokens[hit.at].form for hit in hits):
            found[f"{side}:form"] = 1
        found[f"{side}:long{min((clause.last - clause.content) // 4, 4)}"] = 1
    return found
