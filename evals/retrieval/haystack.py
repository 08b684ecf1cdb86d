"""The manuals taken in by the product's own library, and the same passages for the methods it is compared with."""

import functools
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING

from opswright.evals.retrieval import manuals
from opswright.knowledge.embedding.hashing import Hashing
from opswright.knowledge.embedding.ports import Embedder
from opswright.knowledge.ingest.reading import read_manual
from opswright.knowledge.journal import Journal
from opswright.knowledge.ranking import bm25, words
from opswright.knowledge.retrieval import Library, open_library
from opswright.settings.shape import MemorySettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

STORAGE, OTHER, ALL = "storage", "system", ""
DEEP = 100  # passages that are looked at
VIEWS = {"right collection": STORAGE, "all collections": ALL}


@dataclass(frozen=True)
class Text:
    """A passage as far as the judging needs it; `source` is the file's name."""

    source: str
    section: str
    text: str

    @property
    def whole(self) -> str:
        return f"{self.section}\n{self.text}"


Ranking = Callable[[str], Sequence[Text]]


@dataclass(frozen=True)
class Haystack:
    """`rankings`: by method, then by view. `digest` is that of the manuals."""

    rankings: dict[str, dict[str, Ranking]]
    passages: int
    options: int
    digest: str


@functools.cache
def opened(others: tuple[str, ...]) -> Haystack:
    """Built once a process, in a temporary folder that goes with it. `others`: man pages of other matters.

    Raises EnvironmentFailed.
    """
    folder = Path(tempfile.mkdtemp(prefix="opswright-retrieval-"))
    Finalize(None, shutil.rmtree, args=(folder, True), exitpriority=1)  # worker processes do not run atexit
    help_file = folder / "options.xml"
    help_file.write_bytes(manuals.option_help())
    files = {STORAGE: [help_file, *manuals.pages()], OTHER: list(manuals.other_pages(others))}
    by_domain = {
        domain: [
            Text(path.name.removesuffix(".8.gz"), chunk.section, chunk.text)
            for path in paths
            for chunk in read_manual(path).chunks
        ]
        for domain, paths in files.items()
    }
    texts = {STORAGE: by_domain[STORAGE], ALL: [text for each in by_domain.values() for text in each]}
    library = _library(folder / "library", files, Hashing())
    plain = _library(folder / "plain", files, Hashing(use_concepts=False))
    methods: dict[str, Callable[[str], Ranking]] = {
        "BM25": lambda domain: _by_words(texts[domain]),
        "vectors": lambda domain: _by_vectors(texts[domain], Hashing()),
        "hybrid": lambda domain: _by_library(library, domain),
        "vectors, no word list": lambda domain: _by_vectors(texts[domain], Hashing(use_concepts=False)),
        "hybrid, list among words only": lambda domain: _by_library(plain, domain),
    }
    rankings = {name: {view: ranking(domain) for view, domain in VIEWS.items()} for name, ranking in methods.items()}
    said = "".join(text.whole for text in texts[ALL])
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    options = sum(text.source == help_file.name for text in texts[STORAGE])
    return Haystack(rankings, len(texts[ALL]), options, digest)


def _library(folder: Path, files: dict[str, list[Path]], embedder: Embedder) -> Library:
    folder.mkdir()
    library = open_library(MemorySettings(), folder / "index", Journal(folder / "journal.sqlite3"), embedder)
    for domain, paths in files.items():
        for path in paths:
            library.ingest(path, domain)
    library.catch_up()
    return library


def _by_library(library: Library, domain: str) -> Ranking:
    """What the product answers."""

    def ranked(question: str) -> Sequence[Text]:
        found = library.search(domain, question, limit=DEEP)
        return [Text(Path(one.source).name.removesuffix(".8.gz"), one.section, one.text) for one in found]

    return ranked


def _by_words(texts: Sequence[Text]) -> Ranking:
    """Plain Okapi BM25 over plain words."""
    documents = [words(text.whole) for text in texts]
    return lambda question: _best(texts, bm25(words(question), documents))


def _by_vectors(texts: Sequence[Text], embedder: Embedder) -> Ranking:
    """Cosines alone."""
    import numpy

    fitted = embedder.fitted([text.whole for text in texts])
    matrix: NDArray[numpy.float64] = numpy.array(fitted.embed([text.whole for text in texts]))
    return lambda question: _best(texts, (matrix @ numpy.array(fitted.embed([question])[0])).tolist())


def _best(texts: Sequence[Text], scores: Sequence[float]) -> Sequence[Text]:
    order = sorted(range(len(texts)), key=lambda place: (-scores[place], place))
    return [texts[place] for place in order[:DEEP] if scores[place] > 0]
