"""The offline embedder: feature hashing (Weinberger et al. 2009) of words, their parts and their concepts, with IDF.

It needs numpy alone, no model and no network, and gives the same vectors in every process: features are hashed with
BLAKE2b, never with the built-in `hash`. Two texts are near when they share rare words, parts of words, or what the
words stand for in operations work (concepts.txt).
"""

import functools
import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from opswright.knowledge.embedding.concepts import concept_count, concepts, list_digest, stems

if TYPE_CHECKING:
    from numpy.typing import NDArray

METHOD = "hashing-1"
DIMENSIONS = 2048
GRAMS = (3, 4)  # characters
GRAM_WEIGHT = 0.15  # of a part of a word, beside 1 for the word and for a concept; measured in evals/retrieval


@dataclass(frozen=True)
class Fit:
    """In how many of `documents` texts each bucket occurred."""

    documents: int
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Hashing:
    """Implements Embedder. Without a fit every feature weighs the same. `use_concepts` is for measuring the list."""

    dimensions: int = DIMENSIONS
    fit: Fit | None = None
    use_concepts: bool = True

    @property
    def name(self) -> str:
        """The method, and which word list it uses."""
        return f"{METHOD}-{list_digest()}" if self.use_concepts else f"{METHOD}-words"

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector a text (all zero for a text without a letter or a digit); raises nothing."""
        import numpy

        weights = self._weights()
        vectors = []
        for text in texts:
            vector = numpy.zeros(self.dimensions)
            for bucket, value in self._values(text):
                vector[bucket] += value
            vector *= weights
            # Summed exactly: what BLAS returns depends on where an array lies in memory.
            length = math.sqrt(math.fsum((vector * vector).tolist()))
            vectors.append((vector / length if length else vector).tolist())
        return vectors

    def fitted(self, texts: Sequence[str]) -> "Hashing":
        """With the inverse document frequencies of these texts."""
        counts = [0] * self.dimensions
        for text in texts:
            for bucket in {bucket for bucket, _ in self._values(text)}:
                counts[bucket] += 1
        return replace(self, fit=Fit(len(texts), tuple(counts)))

    def state(self) -> bytes:
        """JSON of the document counts; empty without a fit."""
        if self.fit is None:
            return b""
        content = {"embedder": self.name, "documents": self.fit.documents, "counts": self.fit.counts}
        return json.dumps(content, separators=(",", ":")).encode()

    def restored(self, state: bytes) -> "Hashing":
        """Raises ValueError where the state is of another embedder or another size, or is no state."""
        if not state:
            return replace(self, fit=None)
        try:
            content = json.loads(state)
            fit = Fit(int(content["documents"]), tuple(int(count) for count in content["counts"]))
            of = (content["embedder"], len(fit.counts))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a state of {self.name}: {type(error).__name__}") from None
        if of != (self.name, self.dimensions):
            raise ValueError(f"is of {of[0]} with {of[1]} dimensions, not of {self.name} with {self.dimensions}")
        return replace(self, fit=fit)

    def _weights(self) -> "NDArray[Any]":
        import numpy

        if self.fit is None:
            return numpy.ones(self.dimensions)
        texts = 1.0 + self.fit.documents
        return numpy.array([math.log(texts / (1.0 + count)) + 1e-3 for count in self.fit.counts])

    def _values(self, text: str) -> list[tuple[int, float]]:
        """(bucket, value) of every feature before IDF. Concepts have buckets of their own, the rest is hashed."""
        words = stems(text)
        own = concept_count() if self.use_concepts else 0
        spoken_of = Counter(concepts(words) if self.use_concepts else ())
        found = [(number, 1 + math.log(often)) for number, often in spoken_of.items()]
        parts = Counter(part for word in words for part in _parts(word))
        for feature, often, weight in (
            *((word, often, 1.0) for word, often in Counter(words).items()),
            *((part, often, GRAM_WEIGHT) for part, often in parts.items()),
        ):
            number = _number(feature)
            bucket = own + (number >> 1) % (self.dimensions - own)
            # The sign lets collisions cancel on average.
            found.append((bucket, (weight if number & 1 else -weight) * (1 + math.log(often))))
        return found


def _parts(word: str) -> list[str]:
    """Character n-grams, marked so that none is taken for a word."""
    edged = f"<{word}>"
    return [f"#{edged[at : at + size]}" for size in GRAMS for at in range(len(edged) - size + 1)]


@functools.lru_cache(maxsize=65536)
def _number(feature: str) -> int:
    return int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "little")
