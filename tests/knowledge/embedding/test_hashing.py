"""The offline embedder: its vectors, its fit, its state, and that they are the same everywhere."""

import hashlib
import json
import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.knowledge.embedding.concepts import concept_count, concepts, stem, stems
from opswright.knowledge.embedding.hashing import DIMENSIONS, Hashing
from opswright.knowledge.embedding.ports import Embedder

CORPUS = [
    "cluster.min-free-disk Percentage of disk space after which new files go elsewhere",
    "network.ping-timeout How long the client waits for the server",
    "features.trash Enable the trash translator",
    "performance.readdir-ahead enable readdir-ahead",
]
# Of the words alone, so that the list may grow without this changing; a change breaks every index that exists.
WORDS_DIGEST = "c48db4797a45a36c"


def near(embedder: Embedder, query: str, texts: list[str]) -> str:
    """The text whose vector is nearest."""
    [asked], found = embedder.embed([query]), embedder.embed(texts)
    return max(zip(texts, found, strict=True), key=lambda pair: sum(map(float.__mul__, asked, pair[1])))[0]


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_vector_has_unit_length_or_is_zero(text: str) -> None:
    [vector] = Hashing().embed([text])
    assert len(vector) == DIMENSIONS
    length = math.sqrt(math.fsum(value * value for value in vector))
    assert length == pytest.approx(1.0) or (length == 0.0 and not stems(text))


def test_nothing_to_embed_is_fine() -> None:
    assert Hashing().embed([]) == []
    assert not any(Hashing().embed(["…!"])[0])
    assert any(Hashing().fitted([]).embed(["a word"])[0])


@pytest.mark.parametrize(
    "query, best",
    [
        ("min-free-disk", 0),
        ("how many seconds until a host counts as gone", 1),
        ("undelete documents", 2),
        ("reddir-ahed", 3),  # typed badly
    ],
)
def test_users_words_find_the_manuals_words(query: str, best: int) -> None:
    assert near(Hashing().fitted(CORPUS), query, CORPUS) == CORPUS[best]


def test_what_is_everywhere_counts_little() -> None:
    texts = [f"volume option {word}" for word in ("alpha", "beta", "gamma", "delta")]
    plain, fitted = Hashing(), Hashing().fitted(texts)

    def alike(embedder: Hashing) -> float:
        first, second = embedder.embed(texts[:2])
        return math.fsum(a * b for a, b in zip(first, second, strict=True))

    assert alike(fitted) < 0.1 < alike(plain)


def test_the_state_is_kept_and_restored() -> None:
    fitted = Hashing().fitted(CORPUS)
    again = Hashing().restored(fitted.state())
    assert again.embed(CORPUS) == fitted.embed(CORPUS)
    assert Hashing().restored(b"") == Hashing() == fitted.restored(b"")
    assert Hashing().state() == b""


@pytest.mark.parametrize(
    "state",
    [
        b"no JSON",
        b"[]",
        b"{}",
        b'{"embedder": "x", "documents": "many", "counts": []}',
        json.dumps({"embedder": "hashing-0", "documents": 1, "counts": [0] * DIMENSIONS}).encode(),
        Hashing(dimensions=1024).fitted(CORPUS).state(),
        Hashing(use_concepts=False).fitted(CORPUS).state(),
    ],
)
def test_a_state_of_something_else_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match="hashing"):
        Hashing().restored(state)


def test_every_process_gives_the_same_vectors() -> None:
    code = (
        "import hashlib, json; from opswright.knowledge.embedding.hashing import Hashing\n"
        f"e = Hashing().fitted({CORPUS!r}); print(hashlib.sha256(json.dumps(e.embed({CORPUS!r})).encode()).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    here = Hashing().fitted(CORPUS)
    assert set(runs) == {hashlib.sha256(json.dumps(here.embed(CORPUS)).encode()).hexdigest() + "\n"}


def test_the_words_buckets_have_not_moved() -> None:
    [vector] = Hashing(use_concepts=False).embed(["the cache of the volume"])
    places = [(at, round(value, 6)) for at, value in enumerate(vector) if value]
    assert hashlib.sha256(json.dumps(places).encode()).hexdigest()[:16] == WORDS_DIGEST


def test_endings_do_not_matter_and_numbers_stay() -> None:
    assert len({stem(word) for word in ("delete", "deletes", "deleted", "deleting")}) == 1
    assert stem("s3s") == "s3s"
    assert stems("IO-Cache.size 64MB") == ["io", "cach", "siz", "64mb"]


def test_the_word_list_is_well_formed() -> None:
    from opswright.knowledge.embedding.concepts import _text

    lines = [line for line in _text().splitlines() if line.strip() and not line.startswith("#")]
    assert concept_count() == len(lines) < DIMENSIONS // 4, "the words need most of the buckets"
    for line in lines:
        words = line.split()
        assert len(words) >= 2 and words == line.lower().split(), line
        assert all(1 <= len(word.split("_")) <= 2 for word in words), line
        assert set(concepts(stems(words[0].replace("_", " ")))), line


def test_a_phrase_is_one_concept() -> None:
    assert set(concepts(stems("a split brain"))) >= set(concepts(stems("conflict")))
