"""The library: what is taken in, what supersedes what, what is found."""

import os
from pathlib import Path

import pytest

from opswright.errors import ConfigError, InputError, StoreFailed
from opswright.knowledge.embedding.hashing import Hashing
from opswright.knowledge.ingest.blocks import LONGEST
from opswright.knowledge.manuals import KIND, TEXT_KIND, retirement
from opswright.knowledge.ranking import fused
from opswright.knowledge.retrieval import open_library
from tests.knowledge.library import Place, answers, manual, texts
from tests.processes import small_disk


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_what_was_taken_in_is_found_with_its_source_and_section(place: Place) -> None:
    path = place.write("quota.md", "# Quota\n\n## Soft limit\n\nThe share of the limit at which warnings begin.\n")
    place.write("other.md", manual(1))
    library = place.library()
    taken = library.ingest(path, "storage")
    library.ingest(place.folder / "manuals" / "other.md", "storage")
    assert (taken.outcome, taken.title, taken.passages) == ("new", "Quota", 1)
    best = library.search("storage", "when do warnings about the limit begin?", 1)[0]
    assert (best.domain, best.source, best.section) == ("storage", str(path), "Quota > Soft limit")
    assert best.text == "The share of the limit at which warnings begin."


def test_the_same_file_again_adds_nothing(place: Place) -> None:
    path = place.write("a.md", manual(1))
    place.library().ingest(path, "storage")
    before = [record.seq for record in place.journal.read()]
    assert place.library().ingest(path, "storage").outcome == "unchanged"
    assert [record.seq for record in place.journal.read()] == before


def test_the_same_text_elsewhere_is_kept_once(place: Place) -> None:
    library = place.library()
    library.ingest(place.write("a.md", manual(1)), "storage")
    library.ingest(place.write("b.md", manual(1)), "storage")
    library.ingest(place.write("c.md", manual(1)), "logs")
    assert [len(list(place.journal.read(kind))) for kind in (KIND, TEXT_KIND)] == [3, 1]
    found = library.search("storage", "volume", 50)
    assert len(found) == len({one.id for one in found}) == 6
    assert {one.source for one in found} == {str(place.folder / "manuals" / "a.md")}


def test_a_changed_file_supersedes_its_older_version_and_may_change_back(place: Place) -> None:
    library = place.library()
    old, new = "# Timeouts\n\nThe timeout is 42 seconds.\n", "# Timeouts\n\nThe timeout is 10 seconds.\n"
    seen = []
    for text in (old, new, old):
        outcome = library.ingest(place.write("t.md", text), "storage").outcome
        seen.append((outcome, texts(library.search("storage", "timeout seconds"))))
    assert seen == [
        ("new", ["The timeout is 42 seconds."]),
        ("changed", ["The timeout is 10 seconds."]),
        ("changed", ["The timeout is 42 seconds."]),
    ]
    statuses = [one.status for one in library.shelf.documents()]
    assert statuses == ["superseded", "superseded", "current"]


def test_one_copy_that_changes_does_not_take_the_text_from_the_other(place: Place) -> None:
    library = place.library()
    library.ingest(place.write("a.md", manual(1)), "storage")
    library.ingest(place.write("b.md", manual(1)), "storage")
    library.ingest(place.write("a.md", manual(2)), "storage")
    sources = {one.source.rpartition("/")[2] for one in library.search("storage", "volume option 1", 50)}
    assert sources == {"a.md", "b.md"}
    assert len(library.search("storage", "volume", 50)) == 12


def test_what_a_person_retired_is_not_found_and_stays_so_until_the_file_changes(place: Place) -> None:
    library = place.library()
    taken = library.ingest(place.write("a.md", manual(1)), "storage")
    library.ingest(place.write("b.md", manual(2)), "storage")
    place.journal.append_all([retirement(taken.id, "document", "wrong")])
    assert len(library.search("storage", "volume", 50)) == 6
    assert library.ingest(place.folder / "manuals" / "a.md", "storage").outcome == "retired"
    assert library.ingest(place.write("a.md", manual(3)), "storage").outcome == "changed"
    assert len(library.search("storage", "volume", 50)) == 12


def test_one_passage_can_be_retired(place: Place) -> None:
    library = place.library()
    library.ingest(place.write("a.md", manual(1)), "storage")
    best = library.search("storage", "volume", 50)[0]
    place.journal.append_all([retirement(best.id, "passage", "wrong")])
    assert best.id not in {one.id for one in library.search("storage", "volume", 50)}
    library.ingest(place.write("b.md", manual(1)), "storage")
    assert best.id not in {one.id for one in library.search("storage", "volume", 50)}, "a copy does not bring it back"


def test_domains_are_apart_and_can_be_searched_together(place: Place) -> None:
    library = place.library()
    library.ingest(place.write("a.md", "# A\n\nThe scheduler of the disk.\n"), "storage")
    library.ingest(place.write("b.md", "# B\n\nThe scheduler of the cluster.\n"), "chaos")
    assert texts(library.search("storage", "scheduler")) == ["The scheduler of the disk."]
    assert texts(library.search("chaos", "scheduler")) == ["The scheduler of the cluster."]
    assert texts(library.search("", "the scheduler of a cluster"))[0] == "The scheduler of the cluster."
    assert len(library.search("", "scheduler")) == 2
    assert library.search("policy", "scheduler") == ()


def test_a_whole_name_is_found_by_its_name(place: Place) -> None:
    library = place.library()
    for number in range(20):
        library.ingest(place.write(f"{number}.md", manual(number)), "storage")
    for number in (3, 7, 12):
        wanted = library.shelf.chunks(library.shelf.documents()[number])[2].section.rpartition(" > ")[2]
        assert library.search("storage", f"what does {wanted} do", 1)[0].section.endswith(wanted)


def test_nothing_taken_in_finds_nothing_and_makes_nothing(place: Place) -> None:
    library = place.library()
    assert library.search("storage", "anything") == ()
    assert (library.rebuild(), library.catch_up()) == (0, 0)
    assert list(place.folder.iterdir()) == []


@pytest.mark.parametrize("domain", ["Storage", "a/b", "a b", "-a", "a" * 33, "ü"])
def test_a_domain_is_a_plain_name(place: Place, domain: str) -> None:
    with pytest.raises(InputError, match="domain"):
        place.library().ingest(place.write("a.md", manual(1)), domain)
    with pytest.raises(InputError, match="domain"):
        place.library().search(domain, "x")


@pytest.mark.parametrize("query", ["", "   ", "?!", "\x00", "_"])
def test_a_question_has_a_word(place: Place, query: str) -> None:
    with pytest.raises(InputError, match="word"):
        place.library().search("storage", query)


@pytest.mark.parametrize(
    "query", ['heal" OR "x', "heal NEAR brick*", "NOT AND OR", "words:heal", "a\x00heal", "हील heal"]
)
def test_a_question_is_never_a_query_language(place: Place, query: str) -> None:
    library = place.library()
    library.ingest(place.write("a.md", manual(0)), "storage")
    library.search("storage", query)
    library.search("storage", query * 2000)


def test_limits(place: Place) -> None:
    library = place.library()
    library.ingest(place.write("a.md", manual(1)), "storage")
    assert [len(library.search("storage", "volume", limit)) for limit in (-1, 0, 1, 4, 10**9)] == [0, 0, 1, 4, 6]


def test_text_is_bounded_harmless_and_without_secrets(place: Place) -> None:
    hostile = "\x1b[31mred\x07 \u202eback\u200b " + "password = hunter22secret\n\n" + "endless" * 5000
    library = place.library()
    library.ingest(place.write("a.txt", hostile), "storage")
    found = library.search("storage", "red back password endless", 50)
    joined = "".join(texts(found))
    assert "red" in joined and "back" in joined
    assert not set("\x1b\x07\u202e\u200b") & set(joined)
    assert max(map(len, texts(found))) <= LONGEST
    stored = b"".join(
        path.read_bytes() for path in place.folder.rglob("*") if path.is_file() and "manuals" not in path.parts
    )
    assert b"hunter22secret" not in stored


def test_another_embedder_is_refused_until_a_rebuild(place: Place) -> None:
    library = place.library()
    library.ingest(place.write("a.md", manual(1)), "storage")
    before = answers(library)
    library.close()
    other = place.library(Hashing(use_concepts=False))
    with pytest.raises(ConfigError, match="memory rebuild"):
        other.search("storage", "heal")
    assert other.rebuild() == 6
    other.search("storage", "heal")
    with pytest.raises(ConfigError, match="memory rebuild"):
        library.search("storage", "heal")
    assert library.rebuild() == 6
    assert answers(library) == before


def test_a_file_may_have_any_name(place: Place) -> None:
    folder = place.write("a.md", "# X\n\nabc def\n").parent
    library = place.library()
    for name in (b"\xff\xfe.md", b"new\nline.md", "\u202eend.md".encode(), b"\x1b[2J.txt"):
        path = folder / os.fsdecode(name)
        path.write_text(f"{name!r} says so\n")
        library.ingest(path, "a-b_c")
        assert library.ingest(path, "a-b_c").outcome == "unchanged"
    found = library.search("a-b_c", "says", 9)
    assert len(found) == 4
    assert all(one.source.isprintable() and one.source.isascii() for one in found)


def test_an_index_without_room_or_leave_says_so(tmp_path: Path) -> None:
    place = Place(tmp_path / "state")
    path = place.write("a.md", manual(1, 400))
    with small_disk(tmp_path / "disk", 1024) as disk:
        library = open_library(place.settings, disk / "index", place.journal, Hashing())
        library.ingest(path, "storage")
        with pytest.raises(StoreFailed, match=r"room|full"):
            library.search("storage", "heal")
        library.close()
    (tmp_path / "file").write_text("")
    library = open_library(place.settings, tmp_path / "file" / "index", place.journal, Hashing())
    with pytest.raises(StoreFailed, match="cannot be written"):
        library.search("storage", "heal")
    assert place.library().search("storage", "heal")


def test_equal_scores_are_ordered_by_id() -> None:
    assert [id for id, _ in fused((1.0, ["b", "c"]), (1.0, ["a", "d"]))] == ["a", "b", "c", "d"]
    assert fused() == []
