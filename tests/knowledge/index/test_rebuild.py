"""The index follows from the journal alone: rebuilt, deleted, damaged, grown in any steps, it answers the same."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.knowledge.embedding.hashing import Hashing
from opswright.knowledge.index.index import fit_size
from opswright.knowledge.index.tables import Tables
from opswright.knowledge.manuals import retirement
from opswright.knowledge.retrieval import Library
from tests.knowledge.index.work import take
from tests.knowledge.library import Place, answers, manual

SMALL = Hashing(dimensions=256)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An index that grew in steps beyond what Chroma keeps in its log: its graphs are in files."""
    place = Place(tmp_path_factory.mktemp("grown"), embedder=SMALL)
    library = place.library()
    for number in range(4):
        take(library, place, f"{number}.md", number, 400)
        library.catch_up()
    take(library, place, "1.md", 7, 40)
    library.catch_up()
    library.close()
    assert not [line for line in place.said if "damaged" in line]
    return place


def copied(place: Place, to: Path) -> Place:
    """The same journal and index elsewhere, as they are."""
    shutil.copytree(place.folder, to)
    return Place(to, embedder=place.embedder)


def test_deleted_and_made_again_it_gives_the_same_ranking_to_the_last_bit(grown: Place, tmp_path: Path) -> None:
    place = copied(grown, tmp_path / "copy")
    before = answers(place.library(), limit=100)
    assert all(len(one) == 100 for one in before)
    shutil.rmtree(place.index)
    assert answers(place.library(), limit=100) == before
    library = place.library()
    assert library.rebuild() == 1240
    assert answers(library, limit=100) == before


def test_nothing_is_left_of_collections_that_others_took_the_place_of(grown: Place) -> None:
    graphs = [path for path in grown.index.glob("*/chroma/*") if path.is_dir()]
    assert len(graphs) == 1


def test_what_is_there_is_opened_and_not_made_again(grown: Place, tmp_path: Path) -> None:
    place = copied(grown, tmp_path / "copy")
    answers(place.library())
    assert place.said == []


def half(data: bytes) -> bytes:
    """The first half alone."""
    return data[: len(data) // 2]


def noise(data: bytes) -> bytes:
    """As long, and nothing of it the same."""
    return bytes((byte * 167 + 13) % 256 for byte in data)


DAMAGES = [
    ("tables.sqlite3", half), ("tables.sqlite3", noise), ("tables.sqlite3", None), ("chroma.sqlite3", half),
    ("chroma.sqlite3", noise), ("data_level0.bin", half), ("data_level0.bin", None), ("header.bin", half),
    ("index_metadata.pickle", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_a_damaged_index_says_so_and_is_made_again(
    grown: Place, tmp_path: Path, name: str, damage: Callable[[bytes], bytes] | None
) -> None:
    place = copied(grown, tmp_path / "copy")
    before = answers(grown.library())
    found = list(place.index.rglob(name))  # of graphs, those that were written out
    file = next(path for path in found if path.suffix == ".sqlite3" or path.with_name("index_metadata.pickle").exists())
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage(file.read_bytes()))
    assert answers(place.library()) == before
    assert [line for line in place.said if "taking the weights" in line], "it was made again"
    if (name, damage) != ("tables.sqlite3", None):
        assert [line for line in place.said if "damaged" in line], "and said so"


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "retire", "passage", "look"]), st.integers(0, 3), st.integers(0, 5)
    ),
    min_size=1,
    max_size=8,
)


def perform(place: Place, library: Library, steps: list[Step]) -> None:
    """Manuals come, change, go; the index catches up here and there."""
    for what, name, number in steps:
        documents = library.shelf.documents()
        if what == "take":
            library.ingest(place.write(f"{name}.md", manual(number, 2)), "storage")
        elif what == "look":
            library.catch_up()
        elif documents:
            one = documents[number % len(documents)]
            id = one.id if what == "retire" else next(library.shelf.passages(one))[0]
            place.journal.append_all([retirement(id, "document" if what == "retire" else "passage", "x")])


@settings(max_examples=20, deadline=None)
@given(steps=STEPS)
def test_whatever_happened_in_whatever_steps_a_rebuild_changes_nothing(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder), embedder=SMALL)
        library = place.library()
        perform(place, library, steps)
        grown = answers(library)
        library.close()
        shutil.rmtree(place.index, ignore_errors=True)
        again = place.library()
        assert answers(again) == grown
        if place.index.exists():  # what the index says of manuals is what the journal says
            tables = Tables(next(place.index.glob("*/tables.sqlite3")))
            assert tuple(tables.all_documents()) == again.shelf.documents()
            tables.close()
        again.close()
        assert not [line for line in place.said if "damaged" in line]


@given(st.integers(1, 10**6))
def test_weights_are_taken_from_all_but_a_tenth(count: int) -> None:
    size = fit_size(count)
    assert size <= count < size * 1.1 + 2
    assert fit_size(size) == size


def test_journals_do_not_share_an_index(tmp_path: Path) -> None:
    first, second = Place(tmp_path / "first"), Place(tmp_path / "second")
    for place, number in ((first, 1), (second, 2)):
        take(place.library(), place, "a.md", number)
    first.library().catch_up()
    shutil.copytree(first.index, second.index)
    found = [one.text for one in second.library().search("storage", "volume option number")]
    assert found and all("number 2" in text for text in found)
