"""BM25."""

from opswright.knowledge.ranking import bm25, words


def test_words_are_runs_of_letters_and_digits() -> None:
    assert words("s3:GetObject on arn:aws:s3:::Reports/*") == ["s3", "getobject", "on", "arn", "aws", "s3", "reports"]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    documents = [words(text) for text in ("bucket alpha", "bucket beta", "bucket gamma")]
    common, rare, other = bm25(words("bucket beta"), documents)
    assert rare > common == other > 0


def test_more_occurrences_count_and_long_documents_count_less() -> None:
    often, once, padded = bm25(["a"], [["a", "a"], ["a", "b"], ["a", *["b"] * 20]])
    assert often > once > padded


def test_nothing_to_find_scores_nothing() -> None:
    assert bm25(["x"], [["a"], []]) == [0.0, 0.0]
    assert bm25([], [["a"]]) == [0.0]
    assert bm25(["a"], []) == []
