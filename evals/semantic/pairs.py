"""One family of questions through the product's own cache: which pairs would have hit, how near they are, what spoke.

A family is a question with its answer, other wordings of it (a hit saves a call) and look-alikes that want another
answer (a hit is false). `holds` of a question is what an answer must say to pass that question's own validator, as far
as a validator could tell; it is empty where it could not.
"""

import functools
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from opswright.knowledge.embedding.hashing import Hashing
from opswright.nouns import Json
from opswright.settings import SemanticRule
from opswright.tools.models.similar import Embedding, Similar, Wording
from opswright.tools.models.talk import Answer
from opswright.tools.models.wording import Marks, marks

CATEGORY = "eval/semantic"
EVERYTHING = {CATEGORY: SemanticRule(threshold=1e-9)}  # the summary applies thresholds
EMBEDDING = Embedding("hashing", Hashing().embed)


def family_pairs(family: Mapping[str, Json]) -> list[Json]:
    """Every wording as what was asked first, with every other wording and every look-alike asked after it."""
    first = {"question": family["question"], "holds": family["holds"]}
    wordings = [first, *({"question": text, "holds": family["holds"]} for text in family["same"])]
    found = []
    for kept in wordings:
        asked = [("same", one) for one in wordings if one is not kept] + [("other", one) for one in family["other"]]
        found += list(_asked(kept["question"], family["answer"], asked))
    return found


def _asked(kept: str, answer: str, asked: Sequence[tuple[str, Json]]) -> Iterator[Json]:
    with tempfile.TemporaryDirectory(prefix="opswright-semantic-") as folder:
        cache = Similar(Path(folder) / "answers.sqlite3", EVERYTHING, EMBEDDING)
        cache.put(_wording(kept), Answer(answer))
        for kind, one in asked:
            hits = cache.find(_wording(one["question"]))
            yield {
                "kind": kind,
                "kept": kept,
                "asked": one["question"],
                "cosine": round(cosine(kept, one["question"]), 6),
                "agree": bool(hits),
                "differs": read(kept).differs(read(one["question"])),
                "valid": all(word.casefold() in answer.casefold() for word in one["holds"]),
            }


def strangers(family: Mapping[str, Json], others: Sequence[Mapping[str, Json]]) -> Json:
    """Questions of this family against those of others, which all want other answers: how many, and which agree."""
    own = [family["question"], *family["same"]]
    foreign = [text for one in others for text in _all(one)]
    agreeing = [[a, b] for a in own for b in foreign if not read(a).differs(read(b))]
    return {"pairs": len(own) * len(foreign), "agree": agreeing}


def cosine(one: str, other: str) -> float:
    """Of two texts, by the offline embedder."""
    return math.fsum(a * b for a, b in zip(_vector(one), _vector(other), strict=True))


def _all(family: Mapping[str, Json]) -> list[str]:
    return [family["question"], *family["same"], *(one["question"] for one in family["other"])]


def _wording(text: str) -> Wording:
    return Wording(CATEGORY, text, "", (text,))


@functools.cache
def read(text: str) -> Marks:
    """The marks of a text, read once."""
    return marks(text)


@functools.lru_cache(maxsize=256)
def _vector(text: str) -> tuple[float, ...]:
    return tuple(EMBEDDING.embed([text])[0])
