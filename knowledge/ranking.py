"""Ranking texts against a query: Okapi BM25 (Robertson and Zaragoza 2009) over plain words, and fusing rankings."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[a-z0-9]+")
K1, B = 1.2, 0.75
# Of the fusion, chosen on the development half of evals/retrieval (concepts are among the words). Nearness and shared
# words count the same; a whole name such as `cluster.lookup-optimize` is meant as it is written.
RANK_CONSTANT = 10
WORDS, NEARNESS, NAMES = 1.0, 1.0, 3.0


def words(text: str) -> list[str]:
    """Lower-case runs of letters and digits; `s3:GetObject` is `s3`, `getobject`."""
    return _WORD.findall(text.lower())


def bm25(query: Sequence[str], documents: Sequence[Sequence[str]]) -> list[float]:
    """One score a document, higher is nearer; 0.0 where no word of the query occurs."""
    if not documents:
        return []
    counts = [Counter(document) for document in documents]
    mean = sum(map(len, documents)) / len(documents) or 1.0
    scores = [0.0] * len(documents)
    for word in set(query):
        holding = sum(1 for count in counts if word in count)
        idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for place, count in enumerate(counts):
            often = count[word]
            long = 1 - B + B * len(documents[place]) / mean
            scores[place] += idf * often * (K1 + 1) / (often + K1 * long)
    return scores


def fused(*rankings: tuple[float, Sequence[str]]) -> list[tuple[str, float]]:
    """Ids with the sum of their reciprocal ranks, each times its ranking's weight, best first; equal ones by id."""
    scores: dict[str, float] = {}
    for weight, ranking in rankings:
        for rank, id in enumerate(ranking, start=1):
            scores[id] = scores.get(id, 0.0) + weight / (RANK_CONSTANT + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def descending(scores: Mapping[str, float]) -> list[str]:
    """Ids with a score above nought, best first; equal ones by id."""
    return [id for id, score in sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])) if score > 0]
