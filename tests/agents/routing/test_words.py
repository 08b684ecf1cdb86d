"""Tokens and concepts: accents, forms, compounds, unspaced scripts, languages."""

import pytest

from opswright.agents.routing.vocabulary import read_vocabulary
from opswright.agents.routing.words import elements, normal, tokens_of

VOCABULARY = read_vocabulary()


def concepts(text: str) -> set[str]:
    tokens = VOCABULARY.tokens(text)
    return {hit.concept for hit in VOCABULARY.hits(tokens, VOCABULARY.spoken(tokens))}


@pytest.mark.parametrize(
    ("word", "plain"),
    [
        ("Größe", "grosse"),
        ("Épinglé", "epingle"),
        ("İZİN", "izin"),
        ("łączny", "laczny"),
        ("Свой", "свои"),
        ("ログ", "ログ"),
        ("파드", "파드"),
    ],
)
def test_accents_go_and_letters_stay(word: str, plain: str) -> None:
    assert normal(word) == plain


def test_places_are_those_of_the_text() -> None:
    text = "Prüfe die Bucket-Policy, dann 日志 in app.log!"
    for token in VOCABULARY.tokens(text):
        assert normal(text[token.start : token.end]) == normal(token.text)
    assert [one.text for one in tokens_of("a_b c-d")] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("look at glusterd.log", "logs.file"),
        ("売上sales.dbを見て", "sql.file"),
        ("explain run7.darshan.gz", "storage.file"),
        ("is bucket-policy.json right?", "policy.file"),
        ("assess docker-compose.yml", "chaos.file"),
        ("allow s3:GetObject", "policy.action"),
        ("arn:aws:s3:::media/*", "policy.arn"),
        ("what does performance.io-thread-count do", "storage.option"),
        ("we only get 90 MB/s", "storage.rate"),
        ("SELECT a FROM b WHERE c", "sql.code"),
        ("add 300 ms to each call", "chaos.amount"),
        ("find failed logins in the audit log", "logs.log"),
        ("langsames Dateisystem", "storage.filesystem"),
        ("Das Netzlaufwerk ist träge", "storage.filesystem"),
        ("kto może czytać ten bucket", "policy.who"),
        ("로그에서 찾아 줘", "logs.log"),
    ],
)
def test_a_text_stands_for_a_concept(text: str, concept: str) -> None:
    assert concept in concepts(text)


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("analyse glusterd.log", "storage.filesystem"),  # a file's name says what the file is
        ("the access log", "policy.access"),  # inside a longer concept
        ("explain our privacy policy", "policy.policy"),
        ("repair role chaos-runner", "chaos.name"),  # a name
        ("select the best candidates from the list", "sql.code"),
    ],
)
def test_a_text_does_not_stand_for_what_it_only_mentions(text: str, concept: str) -> None:
    assert concept not in concepts(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Welche Fehler sind die häufigsten?", "de"),
        ("Quels clients n'ont pas payé ?", "fr"),
        ("Какие заказы не оплачены?", "ru"),
        ("ログを見てください", "ja"),
        ("日志里有什么", "zh"),
        ("로그를 봐 줘", "ko"),
        ("Hangi siparişler ödenmedi?", "tr"),
    ],
)
def test_a_language_is_recognised(text: str, language: str) -> None:
    spoken = VOCABULARY.spoken(VOCABULARY.tokens(text))
    assert language in spoken and len(spoken) <= 4
    assert VOCABULARY.spoken(VOCABULARY.tokens("What is in the log of the day?")) == {"any", "en"}


def test_an_entry_may_have_stars() -> None:
    assert elements("kill* pod") == ("kill*", "pod")
    assert elements("*Speicher*") == ("*speicher*",)
    assert elements("halt * aus") == ("halt", "*", "aus")
