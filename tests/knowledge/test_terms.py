"""The terms of passages and questions: words, whole names, concepts."""

from hypothesis import given
from hypothesis import strategies as st

from opswright.knowledge.embedding.concepts import list_digest
from opswright.knowledge.terms import CONCEPT, index_terms, query_terms, terms, terms_version


def of_concepts(found: list[str]) -> set[str]:
    return {term for term in found if term.startswith(CONCEPT)}


def test_a_name_is_whole_and_in_parts() -> None:
    assert terms("Set cluster.lookup-optimize") == ["set", "cluster", "lookup", "optimize", "cluster_lookup_optimize"]


def test_users_words_and_the_manuals_words_share_a_concept() -> None:
    asked, written = query_terms("How do I erase a folder?"), index_terms("Remove the specified directory")
    assert not set(asked) & set(written) - of_concepts(written)
    assert len(of_concepts(asked) & of_concepts(written)) == 2


def test_a_question_has_each_term_once_and_no_small_words() -> None:
    found = query_terms("the quota, the quota and the limit of the quota")
    assert len(found) == len(set(found))
    assert {"quota", "limit"} <= set(found)
    assert not {"the", "of", "and"} & set(found)
    assert query_terms("to be or") == ["to", "be", "or"]


@given(st.text(max_size=80))
def test_any_text_gives_plain_terms_and_none_where_there_is_no_word(text: str) -> None:
    for term in (*index_terms(text), *query_terms(text)):
        assert '"' not in term and not any(char.isspace() for char in term)
    assert bool(query_terms(text)) == bool(terms(text))


def test_the_version_goes_with_the_word_list() -> None:
    assert list_digest() in terms_version()
