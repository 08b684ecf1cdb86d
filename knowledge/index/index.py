"""The index: caught up with the journal before it answers, made again from the journal when it is damaged or gone.

Several processes share one folder. Whoever reads holds the lock shared, whoever writes holds it alone. The folder's
generation gets a new name, on disk, before anything is written, so that every process knows whether the client that it
holds open is older than the folder; a mark beside it says that a writer did not come to its end. What such a writer did
is done again: each step may be done twice.
"""

import contextlib
import math
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from opswright.errors import ConfigError, StoreFailed
from opswright.knowledge.embedding.ports import Embedder
from opswright.knowledge.index.lock import IndexLock
from opswright.knowledge.index.tables import Damaged, Found, Space, Tables
from opswright.knowledge.index.vectors import NEAREST, Vectors
from opswright.knowledge.journal import Journal, Record
from opswright.knowledge.manuals import KIND, chunks_of, document
from opswright.nouns import digest

BATCH = 256  # texts embedded at a time
MOST_LOST = 500  # vectors that a graph does not lead to, or one in fifty; more are damage
Answer = TypeVar("Answer")


@dataclass
class _Changes:
    """Passages that a stretch of the journal brought and took away, by domain."""

    alive: dict[str, dict[str, Found]] = field(default_factory=dict)
    dead: dict[str, dict[str, Found]] = field(default_factory=dict)

    def add(self, alive: Iterable[Found], dead: Iterable[Found]) -> None:
        for here, there, found in ((self.alive, self.dead, alive), (self.dead, self.alive, dead)):
            for one in found:
                here.setdefault(one.domain, {})[one.id] = one
                there.get(one.domain, {}).pop(one.id, None)


class Index:
    """Words and vectors over the manuals of one journal, in a folder of its own below `folder`.

    Threads may share one; a fork may go on using it. Raises StoreFailed, EnvironmentFailed, and ConfigError where the
    vectors were made by another embedder than the one that is configured.
    """

    def __init__(
        self,
        folder: Path,
        journal: Journal,
        embedder: Embedder,
        open_vectors: Callable[[Path], Vectors],
        notify: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._root, self._journal, self._embedder, self._notify = folder, journal, embedder, notify
        self._open_vectors = open_vectors
        self._threads = threading.RLock()
        self._folder: Path | None = None
        self._pid = os.getpid()
        self._generation = ""
        self._fitted: dict[tuple[str, str], Embedder] = {}

    @property
    def embedder(self) -> Embedder:
        """The embedder that is configured."""
        return self._embedder

    def reading(self, look: Callable[["Index"], Answer], empty: Answer) -> Answer:
        """What `look` makes of an index that is up to date; `empty` where nothing was ever taken in."""
        with self._threads:
            if not self._ready():
                return empty
            for attempt in (1, 2, 3):
                try:
                    self._catch_up()
                    with self._lock.reading():
                        self._refresh()
                        if not self._behind():  # another process may have written since
                            return look(self)
                except Damaged as damage:
                    self._repair(damage, attempt)
            # The journal grows faster than the index is read: nobody else writes meanwhile.
            with _twice_damaged(self._folder), self._lock.writing():
                self._apply()
                return look(self)

    def rebuild(self) -> int:
        """Makes the index again from the journal; how many passages can be found in it."""
        with self._threads:
            if not self._ready():
                return 0
            with _twice_damaged(self._folder), self._lock.writing():
                self._wipe()
                self._apply()
                return self.size()

    def size(self) -> int:
        """Within `reading`: how many passages can be found."""
        return sum(self.tables.count(domain)[1] for domain in self.tables.domains())

    def close(self) -> None:
        """Lets go of all that is open; the next use opens it again."""
        with self._threads:
            if self._folder is not None:
                self.tables.close()
                self.vectors.reopen()
                self._generation = ""

    def by_words(self, domain: str, words: Sequence[str], most: int) -> list[str]:
        """Within `reading`: ids of passages by BM25."""
        return self.tables.by_words(domain, words, most)

    def by_vector(self, domain: str, query: str, most: int) -> list[tuple[str, float]]:
        """Within `reading`: (id, cosine) of the passages nearest to the query; computed again from what is stored."""
        space = self.tables.space(domain)
        if space is None:
            return []
        vector = self._embedder_of(space).embed([query])[0]
        if len(vector) != space.dimensions:
            raise _another_embedder(space, f"one of {len(vector)} dimensions")
        live = self.tables.count(domain)[1]
        if not live or not any(vector):
            return []
        if self.vectors.count(space.collection) != live:
            raise Damaged(f"the vectors of {domain} are not those of its passages")
        reached = self.vectors.nearest(space.collection, vector)
        near = reached[: 2 * most]
        if len(reached) < min(live, NEAREST):  # the graph has lost its way to some: a few are looked at all the same
            near += self._lost(domain, reached)
        stored = self.vectors.of(space.collection, near)
        if len(stored) != len(near):
            raise Damaged(f"vectors of {domain} are missing")
        sparse = {place: float(value) for place, value in enumerate(vector) if value}
        scored = [(id, _cosine(sparse, stored[id])) for id in near if id in stored]
        return sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:most]

    def _lost(self, domain: str, reached: Sequence[str]) -> list[str]:
        lost = sorted(set(self.tables.live_ids(domain)) - set(reached))
        if len(lost) > max(MOST_LOST, len(reached) // 50):
            raise Damaged(f"{len(lost):,} vectors of {domain} cannot be reached")
        return lost

    @property
    def _lock(self) -> IndexLock:
        assert self._folder is not None
        return IndexLock(self._folder / "lock")

    def _ready(self) -> bool:
        """Opens the folder of this journal; False where the journal has no manual."""
        if self._pid != os.getpid():
            self._after_fork()
        if not self._journal.last(KIND):
            return False
        if self._folder is None:
            first = self._journal.get(1) or next(self._journal.read())
            # A journal is known by its first record: the cache may hold the index of another one.
            self._name = digest([first.seq, first.at, first.kind, first.run, first.key])[:12]
            self._folder = self._root / self._name
            self.tables = Tables(self._folder / "tables.sqlite3")
            self.vectors = self._open_vectors(self._folder / "chroma")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreFailed(f"{self._folder}: {error.strerror}; the index cannot be written there") from error
        return True

    def _after_fork(self) -> None:
        self._pid = os.getpid()
        self._threads = threading.RLock()
        if self._folder is not None:
            self.tables.forget()
            self.vectors.forget()
        self._generation = ""

    def _behind(self) -> bool:
        self.tables.check()
        if self.tables.meta("writing") == "1":
            return True
        return int(self.tables.meta("position") or 0) < self._journal.last(KIND)

    def _catch_up(self) -> None:
        with self._lock.reading():
            behind = self._behind()
        if behind:
            with self._lock.writing():
                self._apply()

    def _refresh(self) -> None:
        """Under the lock: what this process holds open is not used when another one wrote since it was opened."""
        generation = self.tables.meta("generation") or "none"
        if generation != self._generation:
            if self.vectors.stamp() != (self.tables.meta("stamp") or "[]"):
                raise Damaged("the files of its vectors are not as they were left")
            if not self.vectors.shared or not self._generation:
                self.vectors.reopen()
            self._generation = generation

    def _apply(self) -> None:
        """Under the lock for writing: brings tables and vectors up to the journal."""
        tables = self.tables
        if not self._behind():
            return
        self._check_embedder(tables.spaces())
        astray = tables.meta("writing") == "1" or not tables.meta("position")
        self._refresh()
        with tables.changing():
            tables.set_meta(generation=secrets.token_hex(6), writing=1, journal=self._journal.path)
        self._generation = tables.meta("generation") or ""
        if astray:
            self._drop_strays()
        replaced: list[str] = []
        with tables.changing():
            changes = self._apply_events()
            for domain in sorted({*changes.alive, *changes.dead}):
                replaced += self._apply_vectors(domain, changes)
        for name in replaced:
            with contextlib.suppress(Damaged):
                self.vectors.drop(name)
        tables.set_meta(writing=0, stamp=self.vectors.stamp())

    def _apply_events(self) -> _Changes:
        changes = _Changes()
        position = int(self.tables.meta("position") or 0)
        for record in self._journal.read(KIND, after=position):
            for domain, content in self._apply_event(record):
                changes.add(*self.tables.settle(domain, content))
            position = record.seq
        self.tables.set_meta(position=position)
        return changes

    def _apply_event(self, record: Record) -> list[tuple[str, str]]:
        event = record.payload
        if event["event"] == "taken in":
            one = document(record.seq, record.at, event)
            touched = self.tables.add_document(one)
            if not self.tables.has_content(one.domain, one.content):
                self.tables.add_passages(one, chunks_of(self._journal, event))
            return [(one.domain, content) for content in sorted(touched)]
        if event["what"] == "document":
            old = self.tables.retire_document(event["id"], event["why"])
            return [(old.domain, old.content)] if old else []
        place = self.tables.retire_passage(event["id"], event["why"])
        return [place] if place else []

    def _apply_vectors(self, domain: str, changes: _Changes) -> list[str]:
        """Puts the vectors of a domain right; the collection that another one took the place of, if any."""
        space = self.tables.space(domain)
        size = fit_size(self.tables.count(domain)[0])
        if space is None or size > space.fitted_on:
            self._notify(f"taking the weights of {domain} from {size:,} passages")
            fitted = self._embedder.fitted([one.indexed for one in self.tables.first(domain, size)])
            if space is None or fitted.state() != space.state:
                return self._new_space(domain, fitted, size, space)
            space = Space(domain, space.collection, space.embedder, space.dimensions, space.state, size)
            self.tables.set_space(space)
        fitted = self._embedder_of(space)
        self._put(space.collection, fitted, changes.alive.get(domain, {}).values(), domain)
        self.vectors.remove(space.collection, list(changes.dead.get(domain, {})))
        return []

    def _new_space(self, domain: str, fitted: Embedder, size: int, old: Space | None) -> list[str]:
        name = f"{domain}.{self._name}.{self.tables.meta('generation')}"
        if name in self.vectors.names():
            self.vectors.drop(name)
        space = Space(domain, name, fitted.name, fitted.dimensions, fitted.state(), size)
        self.vectors.create(
            name, {"domain": domain, "embedder": fitted.name, "dimensions": fitted.dimensions, "fitted_on": size}
        )
        self._put(name, fitted, self.tables.live(domain), domain)
        self.tables.set_space(space)
        return [old.collection] if old else []

    def _put(self, collection: str, fitted: Embedder, passages: Iterable[Found], domain: str) -> None:
        done = 0
        for batch in _batches(passages):
            vectors = fitted.embed([one.indexed for one in batch])
            self.vectors.put(collection, [one.id for one in batch], vectors)
            done += len(batch)
            if done % (8 * BATCH) == 0:
                self._notify(f"indexed {done:,} passages of {domain}")

    def _drop_strays(self) -> None:
        """Collections that a writer left behind when it was killed."""
        known = {space.collection for space in self.tables.spaces()}
        for name in self.vectors.names():
            parts = name.split(".")
            if len(parts) == 3 and parts[1] == self._name and name not in known:
                self.vectors.drop(name)

    def _embedder_of(self, space: Space) -> Embedder:
        """The configured embedder with the weights of a space."""
        self._check_embedder([space])
        key = (space.domain, space.collection)
        if key not in self._fitted:
            kept = self.vectors.metadata(space.collection)
            if (kept.get("embedder"), kept.get("dimensions")) != (space.embedder, space.dimensions):
                raise Damaged(f"the collection of {space.domain} is not the one that was made")
            try:
                self._fitted = {**self._fitted, key: self._embedder.restored(space.state)}
            except ValueError as error:
                raise Damaged(f"the weights of {space.domain} cannot be read ({error})") from error
        return self._fitted[key]

    def _check_embedder(self, spaces: Iterable[Space]) -> None:
        for space in spaces:
            if space.embedder != self._embedder.name:
                raise _another_embedder(space, self._embedder.name)

    def _repair(self, damage: Damaged, attempt: int) -> None:
        with _twice_damaged(self._folder):
            if attempt > 1:
                raise damage
        self._notify(f"the index is damaged ({damage}); it is made again from the journal")
        with _twice_damaged(self._folder), self._lock.writing():
            self._wipe()
            self._apply()

    def _wipe(self) -> None:
        """Under the lock for writing: an empty index. The lock's file stays, since others wait on it."""
        assert self._folder is not None
        self.tables.close()
        self.vectors.reopen()
        self._fitted = {}
        if self.vectors.shared:
            for name in self.vectors.names():
                if name.split(".")[1:2] == [self._name]:
                    self.vectors.drop(name)
        for path in self._folder.iterdir():
            if path.name != "lock":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        with self.tables.changing():
            self.tables.set_meta(generation=secrets.token_hex(6), writing=1)
        self._generation = ""


@contextlib.contextmanager
def _twice_damaged(folder: Path | None) -> Iterator[None]:
    """Making it again does not help: what is wrong is the disk or its file system."""
    try:
        yield
    except Damaged as damage:
        raise StoreFailed(f"{folder}: the index is damaged again right after it was made ({damage})") from damage


def _another_embedder(space: Space, now: str) -> ConfigError:
    return ConfigError(
        f"the index was made with the embedder {space.embedder} ({space.dimensions} dimensions), and {now} is "
        "configured: `opswright memory rebuild` makes it again, or set memory.embedder back"
    )


def fit_size(count: int) -> int:
    """From how many passages, the first ones, the weights of a domain with `count` are taken.

    A function of the count alone, so that an index that grew and one that was made at once are the same. It grows by
    tenths: all but a tenth of the passages count, and a growing domain is not embedded anew each time.
    """
    size = 0
    while (following := max(size + 1, size * 11 // 10)) <= count:
        size = following
    return size


def _batches(passages: Iterable[Found]) -> Iterator[list[Found]]:
    batch: list[Found] = []
    for one in passages:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _cosine(query: Mapping[int, float], stored: Sequence[float]) -> float:
    # Summed exactly: what a vectorised product returns in its last bits depends on where an array lies in memory.
    return round(math.fsum(value * float(stored[place]) for place, value in query.items()), 9)
