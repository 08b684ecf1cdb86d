"""Several processes over one index: what one writes the others find, whoever is killed and whenever."""

import json
import signal
from pathlib import Path

import pytest

from opswright.knowledge.embedding.hashing import Hashing
from tests.knowledge.index.work import Process, sources, take
from tests.knowledge.library import Place, answers

WRITERS, EACH = 3, 4


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_writers_and_readers_at_once_lose_nothing(place: Place) -> None:
    writers = [Process("write", place.folder, writer * EACH, EACH) for writer in range(WRITERS)]
    reader = place.library()
    acknowledged: set[str] = set()
    for _ in range(EACH):
        acknowledged |= {writer.line() for writer in writers}
        assert acknowledged <= set(sources(reader)), "what another process acknowledged is found at once"
    assert [writer.wait() for writer in writers] == [0] * WRITERS
    assert len(acknowledged) == WRITERS * EACH
    found = answers(reader)
    assert answers(place.library()) == found
    reader.rebuild()
    assert answers(place.library()) == found
    assert not [line for line in place.said if "damaged" in line]


def test_a_client_that_was_open_before_neither_misses_nor_overwrites_what_came_since(place: Place) -> None:
    library = place.library()
    take(library, place, "100.md", 100)
    assert sources(library) == ["100.md"]
    other = Process("write", place.folder, 1, 3)
    assert [other.line() for _ in range(3)] == ["1.md", "2.md", "3.md"]
    assert other.wait() == 0
    take(library, place, "101.md", 101)
    library.catch_up()
    assert sources(library) == sorted(["1.md", "2.md", "3.md", "100.md", "101.md"])
    assert answers(library) == answers(place.library())
    assert not [line for line in place.said if "damaged" in line]


def test_an_index_that_another_process_makes_again_is_not_read_from_memory(place: Place) -> None:
    library = place.library()
    take(library, place, "a.md", 1)
    assert sources(library) == ["a.md"]
    other = Process("remake", place.folder)
    assert other.lines() == ["done"]
    assert other.wait() == 0
    assert sources(library) == ["a.md", "b.md"]


def test_a_fork_is_told_to_open_its_own_instead_of_waiting_for_ever(place: Place) -> None:
    process = Process("fork", place.folder)
    refused, goes_on = process.lines()
    assert "forked" in refused
    assert goes_on == "the parent goes on"
    assert process.wait() == 0


def test_killed_at_any_change_of_the_vectors_it_ends_as_if_nothing_had_happened(place: Place) -> None:
    process = Process("kill_at_each_change", place.folder)
    changes = int(process.line())
    assert changes >= 8
    results = [json.loads(line) for line in process.lines()]
    assert process.wait() == 0
    assert len(results) == 2 * changes
    for moment, status, lossless, same, collections, damaged in results:
        assert status == -signal.SIGKILL
        assert lossless, f"killed at moment {moment}: an acknowledged manual is lost"
        assert same, f"killed at moment {moment}: what was caught up is not what is made at once"
        assert collections == 1, f"killed at moment {moment}: something is left of what was begun"
        assert not damaged


def test_killed_while_graphs_are_written_to_files_nobody_crashes_on_them(place: Place) -> None:
    acknowledged: list[str] = []
    for start in (0, 100):
        process = Process("grow", place.folder, start)
        acknowledged += [process.line() for _ in range(3)]
        process.kill()
        acknowledged += [line for line in process.lines() if line]
        assert process.wait() == -signal.SIGKILL
    place.embedder = Hashing(dimensions=256)
    library = place.library()
    found = answers(library)
    kept = {one.id for one in library.shelf.documents()}
    assert set(acknowledged) <= kept
    library.rebuild()
    assert answers(library) == found


def test_killed_at_any_time_no_acknowledged_manual_is_lost(place: Place) -> None:
    acknowledged: list[str] = []
    for start in (0, 1000, 2000):
        process = Process("write_for_ever", place.folder, start)
        acknowledged += [process.line() for _ in range(3)]
        process.kill()
        acknowledged += process.lines()
        assert process.wait() == -signal.SIGKILL
    library = place.library()
    assert set(acknowledged) <= set(sources(library))
    found = answers(library)
    library.rebuild()
    assert answers(library) == found
