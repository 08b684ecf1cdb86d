"""The manuals as a session's tasks search them, and which embedder the settings choose for them."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opswright.agents.ledger import Ledger
from opswright.agents.ports import Passage
from opswright.errors import InputError
from opswright.knowledge.journal import Journal
from opswright.settings import Settings

if TYPE_CHECKING:
    from opswright.knowledge.embedding.ports import Embedder
    from opswright.knowledge.retrieval import Library


def open_embedder(settings: Settings, meter: Ledger) -> "Embedder":
    """The embedder of the settings; the one behind an endpoint is charged to `meter`."""
    if settings.memory.embedder == "hashing":
        from opswright.knowledge.embedding.hashing import Hashing

        return Hashing()
    from opswright.tools.models.embeddings import open_embeddings

    return open_embeddings(settings, meter)


def library_of(settings: Settings, journal: Journal, meter: Ledger, say: Callable[[str], None]) -> "Library":
    """The library of this installation; opens nothing yet."""
    from opswright.knowledge.retrieval import open_library

    return open_library(settings.memory, settings.index_dir, journal, open_embedder(settings, meter), say)


@dataclass
class SessionManuals:
    """Implements the Manuals port for the tasks of a run; the library is opened at the first search."""

    settings: Settings
    journal: Journal
    meter: Ledger
    say: Callable[[str], None]
    _library: "Library | None" = None
    _missing: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def search(self, domain: str, query: str, limit: int = 5) -> Sequence[Passage]:
        """The passages that fit best; none where nothing fits, or the libraries for searching are not installed."""
        with self._lock:
            if self._missing:
                return ()
            try:
                if self._library is None:
                    self._library = library_of(self.settings, self.journal, self.meter, self.say)
                return self._library.search(domain, query, limit)
            except ModuleNotFoundError as error:
                self._missing = True
                self.say(f"manuals are not searched: {error.name} is not installed (pip install 'opswright[memory]')")
                return ()
            except InputError:  # a question without a word in it
                return ()

    def close(self) -> None:
        """Lets go of the index."""
        with self._lock:
            if self._library is not None:
                self._library.close()
                self._library = None
