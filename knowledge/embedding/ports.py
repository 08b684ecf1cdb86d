"""The port of an embedder, and how an index keeps what was fitted on its corpus.

An index does this, once for each collection:

    fitted = embedder.fitted(texts)          # on every chunk of the collection; may return itself
    vectors = fitted.embed(texts)
    keep(fitted.name, fitted.dimensions, fitted.state())

and later, in any process:

    fitted = embedder.restored(state)        # refuse first where name or dimensions differ from what was kept
    query = fitted.embed([text])[0]

Vectors of one state can be compared with each other and with no others: texts that come later are embedded with the
state that was kept, and a new fit means embedding the whole collection again (a rebuild).
"""

from collections.abc import Sequence
from typing import Protocol


class Embedder(Protocol):
    """Texts to vectors of unit length (or all zero, for a text in which it finds nothing).

    `name` says method, version and size, such as `hashing-1`; it and `dimensions` stand in a collection's metadata.
    """

    @property
    def name(self) -> str:
        """The same name means vectors that can be compared, given the same state."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of every vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector a text, in the order of the texts.

        Raises EndpointFailed, BudgetSpent, ConfigError, RecordingMissing where the vectors come from a model.
        """
        ...

    def fitted(self, texts: Sequence[str]) -> "Embedder":
        """The same embedder with its weights taken from a corpus; itself where there is nothing to fit."""
        ...

    def state(self) -> bytes:
        """What was fitted, to be kept with the vectors; empty where nothing was."""
        ...

    def restored(self, state: bytes) -> "Embedder":
        """The embedder with a state that `state` gave. Raises ValueError where it is not one of this embedder."""
        ...
