"""The offline embedder: feature hashing (Weinberger et al. 2009) of words and character n-grams, weighted by IDF.

It needs numpy alone, no model and no network, and gives the same vectors in every process: features are hashed with
BLAKE2b, never with the built-in `hash`. Two texts are near when they share rare words or parts of them.
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

NAME = "hashing-1"
DIMENSIONS = 2048
_RUN = re.compile(r"[a-z0-9]+")
_ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ers", "ed", "er", "es", "ly", "s", "e", "y")
SHORTEST_STEM = 3
GRAMS = (3, 4)
GRAM_WEIGHT = 0.4


@dataclass(frozen=True)
class Fit:
    """In how many of `documents` texts each bucket occurred."""

    documents: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Hashing:
    """Implements Embedder. Without a fit every feature weighs the same."""

    dimensions: int = DIMENSIONS
    fit: Fit | None = None

    @property
    def name(self) -> str:
        return NAME

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector a text (all zero for a text without a letter or a digit); raises nothing."""
        weights = self._weights()
        vectors = [self._vector(text, weights) for text in texts]
        return [[float(value) for value in vector] for vector in vectors]

    def fitted(self, texts: Sequence[str]) -> "Hashing":
        """With inverse document frequencies of these texts."""
        counts = [0] * self.dimensions
        for text in texts:
            for bucket in {self._place(feature)[0] for feature in features(text)}:
                counts[bucket] += 1
        return replace(self, fit=Fit(len(texts), tuple(counts)))

    def state(self) -> bytes:
        """JSON of the document counts; empty without a fit."""
        if self.fit is None:
            return b""
        content = {"embedder": NAME, "documents": self.fit.documents, "counts": self.fit.counts}
        return json.dumps(content, separators=(",", ":")).encode()

    def restored(self, state: bytes) -> "Hashing":
        """Raises ValueError where the state is of another embedder, another size, or none."""
        if not state:
            return replace(self, fit=None)
        try:
            content = json.loads(state)
            counts, documents = content["counts"], content["documents"]
            if content["embedder"] != NAME or len(counts) != self.dimensions:
                raise ValueError(f"is of {content['embedder']} with {len(counts)} dimensions")
            return replace(self, fit=Fit(int(documents), tuple(int(count) for count in counts)))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a state of {NAME} with {self.dimensions} dimensions: {error}") from None

    def _weights(self) -> Sequence[float]:
        fit = self.fit
        if fit is None:
            return [1.0] * self.dimensions
        return [math.log((1 + fit.documents) / (1 + count)) + 1.0 for count in fit.counts]

    def _place(self, feature: str) -> tuple[int, float]:
        """The bucket of a feature, and its sign, which lets collisions cancel on average."""
        number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "little")
        return (number >> 1) % self.dimensions, 1.0 if number & 1 else -1.0

    def _vector(self, text: str, weights: Sequence[float]) -> "numpy.ndarray":
        import numpy

        vector = numpy.zeros(self.dimensions)
        for feature, often in sorted(features(text).items()):
            bucket, sign = self._place(feature)
            share = GRAM_WEIGHT if feature.startswith("#") else 1.0
            vector[bucket] += sign * share * (1 + math.log(often)) * weights[bucket]
        length = float(numpy.linalg.norm(vector))
        return vector / length if length else vector


def features(text: str) -> Counter[str]:
    """Stems, and character n-grams (marked with `#`) of each word, with how often they occur."""
    found: Counter[str] = Counter()
    for word in _RUN.findall(text.lower()):
        found[stem(word)] += 1
        edged = f"<{word}>"
        for size in GRAMS:
            for at in range(len(edged) - size + 1):
                found[f"#{edged[at : at + size]}"] += 1
    return found


def stem(word: str) -> str:
    """The word without a common English ending, where enough is left of it; numbers stay whole."""
    if word.isalpha():
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
                return word[: -len(ending)]
    return word
