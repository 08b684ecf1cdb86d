"""A library in a folder of its own, with real Chroma and the offline embedder."""

from dataclasses import dataclass, field
from pathlib import Path

from opswright.knowledge.embedding.hashing import Hashing
from opswright.knowledge.embedding.ports import Embedder
from opswright.knowledge.journal import Journal
from opswright.knowledge.retrieval import Library, Passage, open_library
from opswright.settings.shape import MemorySettings

SUBJECTS = (
    "heal", "brick", "quota", "snapshot", "rebalance", "mount", "cache", "lock", "log", "tier", "trash", "scrub",
    "lease", "shard", "quorum", "arbiter", "barrier", "georeplication", "profile", "statedump",
)  # fmt: skip
QUERIES = ("how do I heal a brick", "limit the quota of a folder", "volume.cache-lock", "snapshots and leases")


@dataclass
class Place:
    """A journal and an index below one folder; opened anew by each `library()`."""

    folder: Path
    settings: MemorySettings = field(default_factory=MemorySettings)
    embedder: Embedder = field(default_factory=Hashing)
    said: list[str] = field(default_factory=list)

    @property
    def index(self) -> Path:
        """The folder of indexes."""
        return self.folder / "index"

    @property
    def journal(self) -> Journal:
        """A connection of its own."""
        return Journal(self.folder / "journal.sqlite3")

    def library(self, embedder: Embedder | None = None) -> Library:
        """A library that nobody else holds."""
        return open_library(self.settings, self.index, self.journal, embedder or self.embedder, self.said.append)

    def write(self, name: str, text: str) -> Path:
        """A file below the folder `manuals`."""
        path = self.folder / "manuals" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def manual(number: int, sections: int = 6) -> str:
    """A manual in Markdown that differs from every other one."""
    lines = [f"# Manual {number}"]
    for section in range(sections):
        one, other = SUBJECTS[(number + section) % 20], SUBJECTS[(number * 7 + section * 3) % 20]
        lines += [
            f"## volume.{one}-{other}",
            f"This option number {number} says how the {one} of a volume treats its {other}.",
            "",
        ]
    return "\n".join(lines)


def answers(library: Library, domain: str = "storage", limit: int = 20) -> list[list[tuple[str, float]]]:
    """The ranking of every query, to the last bit."""
    return [[(one.id, one.score) for one in library.search(domain, query, limit)] for query in QUERIES]


def texts(passages: tuple[Passage, ...]) -> list[str]:
    """What they say."""
    return [one.text for one in passages]
