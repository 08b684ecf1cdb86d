"""Ranking texts against a query: Okapi BM25 (Robertson and Zaragoza 2009) over plain words."""

import math
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"[a-z0-9]+")
K1, B = 1.2, 0.75


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
