"""What other processes do to an index: `python -m tests.knowledge.index.work NAME FOLDER ...`, a line a step.

Processes are started anew: Chroma's core cannot be used in a fork of a process that used it.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from opswright.errors import StoreFailed
from opswright.knowledge.embedding.hashing import Hashing
from opswright.knowledge.index.index import Index
from opswright.knowledge.index.vectors import Vectors, open_vectors
from opswright.knowledge.manuals import KIND
from opswright.knowledge.retrieval import Library
from opswright.settings.shape import MemorySettings
from tests.knowledge.library import Place, answers, manual
from tests.processes import Child

CHECKOUT = Path(__file__).parents[3]


class Process:
    """One of the functions below in a process of its own; what it says can be read line by line."""

    def __init__(self, name: str, folder: Path, *arguments: object) -> None:
        command = [sys.executable, "-m", "tests.knowledge.index.work", name, str(folder), *map(str, arguments)]
        self._process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)

    def line(self) -> str:
        """The next line; empty when it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def lines(self) -> list[str]:
        """All that it says until it ends."""
        assert self._process.stdout is not None
        return [line.strip() for line in self._process.stdout]

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def wait(self) -> int:
        """Its exit code; minus the signal's number when one ended it."""
        return self._process.wait()


def sources(library: Library, query: str = "volume option number") -> list[str]:
    """The names of the files that are found."""
    return sorted({Path(one.source).name for one in library.search("storage", query, 100)})


def take(library: Library, place: Place, name: str, number: int, sections: int = 1) -> str:
    """Writes a manual, takes it in, and returns its id once the journal has it."""
    return library.ingest(place.write(name, manual(number, sections)), "storage").id


def say(*words: object) -> None:
    """A line."""
    print(*words, flush=True)


def write(place: Place, first: str, count: str, port: str = "") -> None:
    """Takes manuals in, each acknowledged after this process found it itself; with a port, over a server there."""
    place.settings = MemorySettings(index="server", port=int(port)) if port else place.settings
    library = place.library()
    for number in range(int(first), int(first) + int(count)):
        take(library, place, f"{number}.md", number)
        assert f"{number}.md" in sources(library), "a process finds what it wrote"
        say(f"{number}.md")


def write_for_ever(place: Place, first: str) -> None:
    """Takes manuals in until it is killed; each acknowledged as soon as the journal has it, then indexed."""
    library = place.library()
    for number in range(int(first), int(first) + 1000):
        take(library, place, f"{number}.md", number)
        say(f"{number}.md")
        library.catch_up()


def grow(place: Place, first: str) -> None:
    """Takes big manuals in until it is killed, so that graphs are being written to files most of the time."""
    library = place.library(Hashing(dimensions=256))
    for number in range(int(first), int(first) + 1000):
        say(take(library, place, f"{number}.md", number, 600))
        library.catch_up()


def remake(place: Place) -> None:
    """Makes the index again, and goes on writing."""
    library = place.library()
    library.rebuild()
    take(library, place, "b.md", 2)
    library.catch_up()
    say("done")


def fork(place: Place) -> None:
    """What a fork is told that would use its parent's Chroma; the parent goes on."""
    library = place.library()
    take(library, place, "a.md", 1)
    found = answers(library)

    def in_child(tell: Callable[[str], None]) -> None:
        try:
            library.search("storage", "heal")
        except StoreFailed as error:
            tell(str(error))

    child = Child(in_child)
    say(*child.lines())
    assert child.wait() == 0
    assert answers(library) == found
    say("the parent goes on")


class Deadly(Vectors):
    """Vectors whose process is killed right before or right after a certain change of them."""

    moment = 0
    changes = 0

    def _count(self, change: Callable[..., Any], *values: Any) -> None:
        type(self).changes += 1
        if 2 * self.changes - 1 == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)
        change(*values)
        if 2 * self.changes == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def create(self, name: str, metadata: Any) -> None:
        self._count(super().create, name, metadata)

    def put(self, name: str, ids: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        self._count(super().put, name, ids, vectors)

    def remove(self, name: str, ids: Sequence[str]) -> None:
        self._count(super().remove, name, ids)

    def drop(self, name: str) -> None:
        self._count(super().drop, name)


def _deadly(place: Place) -> Library:
    def opened(folder: Path) -> Vectors:
        return Deadly(open_vectors(MemorySettings(), folder)._open_client, str(folder), folder)

    journal = place.journal
    return Library(journal, Index(place.index, journal, Hashing(), opened))


HISTORY = (("a.md", 1), ("b.md", 2), ("a.md", 3))


def _history(place: Place, library: Library, tell: Callable[[str], None] = lambda _: None) -> None:
    """New and changed manuals, indexed step by step; each acknowledged as soon as the journal has it."""
    for name, number in HISTORY:
        tell(take(library, place, name, number, 2))
        library.catch_up()


def _references(place: Place, tell: Callable[[str], None]) -> None:
    """What an index that was made at once answers after each step of the history, and how many changes there are."""
    tell(json.dumps(_whole(place)))


def _whole(place: Place) -> list[Any]:
    found: list[Any] = []
    for name, number in HISTORY:
        library = Place(place.folder / f"reference-{len(found)}").library()
        done = HISTORY[: len(found)]
        for earlier in (*done, (name, number)):
            take(library, Place(place.folder / "files"), *earlier, 2)
        found.append(json.loads(json.dumps(answers(library))))
    library = _deadly(Place(place.folder / "whole"))
    _history(Place(place.folder / "files"), library)
    return [Deadly.changes, found]


def kill_at_each_change(place: Place) -> None:
    """A history that is killed before and after every change of the vectors, and what a survivor finds each time."""
    child = Child(lambda tell: _references(place, tell))
    changes, references = json.loads(child.line())
    assert child.wait() == 0
    say(changes)
    files = Place(place.folder / "files")
    for moment in range(1, 2 * changes + 1):
        mine = Place(place.folder / f"killed-{moment}")

        def die(tell: Callable[[str], None], mine: Place = mine, moment: int = moment) -> None:
            Deadly.moment = moment
            _history(files, _deadly(mine), tell)

        def survive(tell: Callable[[str], None], mine: Place = mine) -> None:
            library = mine.library()
            found = answers(library)
            collections = len(library._index.vectors.names())
            tell(json.dumps([found, collections, [line for line in mine.said if "damaged" in line]]))

        killed = Child(die)
        acknowledged = killed.lines()
        status = killed.wait()
        kept = [record.payload["id"] for record in mine.journal.read(KIND)]
        survivor = Child(survive)
        found, collections, damaged = json.loads(survivor.line() or "[0, 0, 0]")
        survivor.wait()
        lossless = kept[: len(acknowledged)] == acknowledged
        say(json.dumps([moment, status, lossless, found == references[len(kept) - 1], collections, damaged]))


if __name__ == "__main__":
    globals()[sys.argv[1]](Place(Path(sys.argv[2])), *sys.argv[3:])
