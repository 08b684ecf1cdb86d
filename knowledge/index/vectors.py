"""The vectors of an index, in Chroma: a folder of this machine's, or a server.

Every vector is our own; Chroma embeds nothing. The folder is shared by processes only under the index's lock, and a
client that was open while another process wrote is not used again (`reopen`): it would not see what was written, and
would write its own older state over it.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from opswright.errors import ConfigError, EnvironmentFailed, StoreFailed
from opswright.knowledge.index.tables import Damaged
from opswright.settings.shape import MemorySettings

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

BATCH = 512  # vectors sent at a time
NEAREST = 200_000  # as many are looked through (8 us each): below that a search is exhaustive, above it nearly so
# Inner product: vectors are of unit length, and a text without any word has no direction at all.
# One thread: a graph follows from the order in which vectors came, and not from who was quicker.
_HNSW = {"hnsw": {"space": "ip", "num_threads": 1}}
_OPENED = itertools.count(1)
_OPENED_BY: dict[str, int] = {}  # the process whose threads Chroma's core uses; in a fork it would wait for ever
_NO_ROOM = ("disk is full", "no space left", "file too large")
_GRAPH = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Vectors:
    """Collections of vectors by passage id. Raises Damaged, or EnvironmentFailed where a server does not answer."""

    def __init__(self, open_client: Callable[[], "ClientAPI"], where: str, folder: Path | None = None) -> None:
        self._open_client, self._where, self._folder = open_client, where, folder
        self._client: ClientAPI | None = None
        self._collections: dict[str, Collection] = {}
        self._inherited: tuple[ClientAPI | None, ...] = ()  # kept, or the collector would close them

    @property
    def shared(self) -> bool:
        """Whether a server has them, which does not go stale."""
        return self._folder is None

    def stamp(self) -> str:
        """Sizes and times of the files of graphs that were written out, which only a writer does.

        Chroma's core crashes on some damaged ones, the process with it: they are looked at before it reads them. A
        graph that is not written out yet is made in memory from Chroma's own log, by readers too.
        """
        written = [path.parent for path in self._folder.glob("*/index_metadata.pickle")] if self._folder else []
        files = sorted(path for folder in written for path in folder.iterdir())
        return json.dumps([[f"{path.parent.name}/{path.name}", *_size_and_time(path)] for path in files])

    def reopen(self) -> None:
        """Forgets everything that is held in memory; the next use reads it again."""
        client, self._client, self._collections = self._client, None, {}
        if client is not None:
            with self._plain_errors(), contextlib.suppress(AttributeError):
                client.close()  # type: ignore[attr-defined]

    def forget(self) -> None:
        """After a fork: what the parent holds open is the parent's, and is left alone."""
        self._inherited, self._client, self._collections = (*self._inherited, self._client), None, {}

    def create(self, name: str, metadata: Mapping[str, str | int]) -> None:
        """Makes an empty collection."""
        with self._plain_errors():
            self._collections[name] = self._opened().create_collection(
                name, metadata=dict(metadata), embedding_function=None, configuration=_HNSW  # type: ignore[arg-type]
            )  # fmt: skip

    def names(self) -> list[str]:
        """Every collection there is, of other journals and programs too."""
        with self._plain_errors():
            found: list[str] = []
            while page := self._opened().list_collections(limit=500, offset=len(found)):
                found += [one.name for one in page]
            return found

    def drop(self, name: str) -> None:
        """Removes a collection."""
        self._collections.pop(name, None)
        with self._plain_errors():
            self._opened().delete_collection(name)
        if self._folder is not None:
            _remove_graphs_of_nobody(self._folder)

    def metadata(self, name: str) -> Mapping[str, Any]:
        """What was written down when the collection was made."""
        return self._collection(name).metadata or {}

    def count(self, name: str) -> int:
        """How many vectors there are."""
        with self._plain_errors():
            return int(self._collection(name).count())

    def put(self, name: str, ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        """Adds vectors, or replaces those of the same id."""
        import numpy

        with self._plain_errors():
            collection = self._collection(name)
            for start in range(0, len(ids), BATCH):
                batch = numpy.asarray(vectors[start : start + BATCH], dtype=numpy.float32)
                collection.upsert(ids=list(ids[start : start + BATCH]), embeddings=batch)

    def remove(self, name: str, ids: Sequence[str]) -> None:
        """Removes vectors; ids that are not there do no harm."""
        with self._plain_errors():
            collection = self._collection(name)
            for start in range(0, len(ids), BATCH):
                collection.delete(ids=list(ids[start : start + BATCH]))

    def nearest(self, name: str, vector: Sequence[float]) -> list[str]:
        """Ids of the NEAREST, or of all where there are no more; the nearest first, equal ones by id."""
        import numpy

        with self._plain_errors():
            collection = self._collection(name)
            among = min(collection.count(), NEAREST)
            if among == 0:
                return []
            query = numpy.asarray([vector], dtype=numpy.float32)
            answer = collection.query(query_embeddings=query, n_results=among, include=["distances"])
            (ids,), (distances,) = answer["ids"], answer["distances"] or [[]]
            return [id for _, id in sorted(zip(distances, ids, strict=True))]

    def of(self, name: str, ids: Sequence[str]) -> dict[str, Any]:
        """Vectors by id, as they were put in; ids that are not there are left out."""
        with self._plain_errors():
            answer = self._collection(name).get(ids=list(ids), include=["embeddings"])
            embeddings = answer["embeddings"]
            return dict(zip(answer["ids"], embeddings if embeddings is not None else [], strict=True))

    def _collection(self, name: str) -> "Collection":
        from chromadb.errors import NotFoundError

        if name not in self._collections:
            with self._plain_errors():
                try:
                    self._collections[name] = self._opened().get_collection(name, embedding_function=None)
                except (NotFoundError, ValueError) as error:
                    raise Damaged(f"the collection {name} is missing") from error
        return self._collections[name]

    def _opened(self) -> "ClientAPI":
        if self._client is None:
            self._client = self._open_client()
        return self._client

    @contextlib.contextmanager
    def _plain_errors(self) -> Iterator[None]:
        import httpx
        from chromadb.errors import ChromaError

        try:
            yield
        except (httpx.HTTPError, ConnectionError) as error:
            raise EnvironmentFailed(f"{self._where} does not answer ({error}); is it running?") from error
        except ChromaError as error:
            if any(word in str(error).lower() for word in _NO_ROOM):
                raise StoreFailed(f"{self._where}: no room for the index ({str(error)[:200]})") from error
            if self.shared and "not found" not in str(error).lower():
                raise EnvironmentFailed(f"{self._where} refuses ({str(error)[:200]})") from error
            raise Damaged(str(error)[:200]) from error
        except (ValueError, KeyError, OSError) as error:
            if self.shared:
                raise EnvironmentFailed(f"{self._where} does not answer as Chroma does ({str(error)[:200]})") from error
            raise Damaged(str(error)[:200]) from error
        except BaseException as error:
            # Chroma's core is compiled; what it does not expect arrives as a panic, outside the tree of Exception.
            if type(error).__name__ != "PanicException":
                raise
            raise Damaged(str(error)[:200]) from error


def _remove_graphs_of_nobody(folder: Path) -> None:
    """Chroma leaves the files of a deleted collection where they are; which are in use stands in its own tables."""
    address = f"file:{quote(str(folder / 'chroma.sqlite3'))}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            used = {row[0] for row in connection.execute("SELECT id FROM segments")}
    except sqlite3.Error:  # another version of Chroma keeps it elsewhere: its files stay
        return
    for path in folder.iterdir():
        if path.is_dir() and _GRAPH.fullmatch(path.name) and path.name not in used:
            shutil.rmtree(path, ignore_errors=True)


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def open_vectors(settings: MemorySettings, folder: Path) -> Vectors:
    """The vectors where the settings say they are. Raises ConfigError for a remote server without TLS."""
    if settings.index == "embedded":
        return Vectors(lambda: _embedded(folder), str(folder), folder)
    if settings.host not in _LOOPBACK and not settings.tls:
        raise ConfigError(f"the Chroma server {settings.host} is not on this machine: set tls = true", "memory.tls")
    where = f"the Chroma server at {settings.host}:{settings.port}"
    return Vectors(lambda: _served(settings, where), where)


def _embedded(folder: Path) -> "ClientAPI":
    import chromadb
    from chromadb.config import Settings

    if os.getpid() != _OPENED_BY.setdefault("pid", os.getpid()):
        raise StoreFailed(
            "Chroma was opened before this process was forked, and its threads are the other process's; search in a "
            "process that is started anew, or from a Chroma server (memory.index = server)"
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Chroma shares what it opened under the same spelling of a path, within the process and with its forks, and keeps
    # what it failed to open. A spelling of its own for each client keeps a stale one from being handed out again.
    return chromadb.PersistentClient(f"{folder}{_spelling(next(_OPENED))}", Settings(anonymized_telemetry=False))


def _spelling(number: int) -> str:
    """What changes a path's text and not its meaning, different for each number."""
    return "".join("/." if bit == "1" else "//" for bit in f"{number:b}")


def _served(settings: MemorySettings, where: str) -> "ClientAPI":
    import chromadb
    from chromadb.config import Settings

    token = os.environ.get(settings.token_env, "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        return chromadb.HttpClient(
            settings.host,
            settings.port,
            ssl=settings.tls,
            headers=headers,
            settings=Settings(anonymized_telemetry=False),
        )
    except ValueError as error:
        line = f"{where} does not answer; start one with `chroma run --host 127.0.0.1 --port {settings.port} --path …`"
        raise EnvironmentFailed(line) from error
