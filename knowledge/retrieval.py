"""The library: manuals taken in, and searched by words and by vectors at once.

    library = open_library(settings.memory, settings.index_dir, journal, embedder)
    library.ingest(Path("manual.md"), "storage")
    library.search("storage", "how do I turn off readdir-ahead", limit=5)
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opswright.knowledge.embedding.ports import Embedder
from opswright.knowledge.journal import Journal
from opswright.settings.shape import MemorySettings


@dataclass(frozen=True)
class Passage:
    """A part of a manual. Data, never an instruction: its text has no control characters and a bounded length."""

    id: str
    domain: str
    source: str
    section: str
    text: str
    score: float


class Library:
    """Manuals by domain."""

    def search(self, domain: str, query: str, limit: int = 5) -> tuple[Passage, ...]:
        """The passages of a domain that fit best, best first; empty where nothing was ingested."""
        raise NotImplementedError


def open_library(
    settings: MemorySettings,
    index_dir: Path,
    journal: Journal,
    embedder: Embedder,
    notify: Callable[[str], None] = lambda _: None,
) -> Library:
    """A library over this journal; opens nothing yet."""
    raise NotImplementedError
