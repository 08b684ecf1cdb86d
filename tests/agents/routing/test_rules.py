"""The rules' answers: a table of requests, files, specialists that bring their own words, any text at all."""

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opswright.agents.files import File
from opswright.agents.manifests import Manifest, Routing, read_manifests
from opswright.agents.planning import with_roles
from opswright.agents.routing import Route, read_fields, route
from opswright.agents.routing.scoring import read_weights
from opswright.agents.routing.vocabulary import Vocabulary
from opswright.agents.routing.words import Token

TABLE = Path(__file__).with_name("requests.tsv").read_text(encoding="utf-8").splitlines()
ROWS = [tuple(line.split("\t")) for line in TABLE if not line.startswith("#")]
FIELDS = read_fields(read_manifests())
NAMES = ["chaos", "logs", "policy", "sql", "storage"]
POLICY = File("p.json", '{"Version": "2012-10-17", "Statement": []}')
SPEC = File("s.yaml", "requests:\n  - {effect: allow, action: 's3:GetObject', resource: '*'}\n")


def said(found: Route) -> str:
    return ",".join(step.specialist for step in found.steps) or "none"


@pytest.mark.parametrize(("expected", "request_"), ROWS)
def test_the_table(expected: str, request_: str) -> None:
    assert said(route(request_, (), FIELDS)) == expected


def test_every_field_is_known_whoever_is_installed() -> None:
    assert sorted(field.name for field in read_fields({})) == NAMES
    assert {field.name for field in FIELDS if field.installed} == set(read_manifests()) & set(NAMES)
    assert sorted(read_weights().labels) == sorted([*NAMES, "nobody"])
    assert all(field.summary and field.not_its_work for field in FIELDS)


@pytest.mark.parametrize("request_", ["Repair it", "please have a look", "fix this"])
def test_files_speak_where_words_do_not(request_: str) -> None:
    files = with_roles([POLICY, SPEC], read_manifests())
    assert [file.role("policy") for file in files] == ["policy", "spec"]
    assert said(route(request_, files, FIELDS)) == "policy"
    assert said(route(request_, [File("x/run.darshan", "")], FIELDS)) == "storage"
    assert said(route(request_, [File("a.log", ""), File("b.sql", "")], FIELDS)) == "none"
    assert said(route(request_, (), FIELDS)) == "none"


def test_files_do_not_make_another_field_s_request_theirs() -> None:
    files = with_roles([POLICY], read_manifests())
    asked = "Which table of the database has the most rows? Write the SQL query and join the orders"
    assert said(route(asked, files, FIELDS)) == "sql"
    assert said(route("Write a poem about the sea", files, FIELDS)) == "none"


def manifest(name: str, *keywords: str) -> Manifest:
    return Manifest(name, f"Does {name}.", ".x:y", Path(name), "", routing=Routing(keywords=keywords))


OWN = {"mail": manifest("mail", "mailbox", "mail server", "bounce"), "weave": manifest("weave", "weave")}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("The mail server lost a mailbox", "mail"),
        ("weave it", "weave"),
        ("weave it, then find the bounce in the mailbox", "weave,mail"),
        ("Repair the bucket policy", "policy"),
        ("Repair the bucket policy, then weave it", "policy,weave"),
        ("What is the capital of Peru?", "none"),
    ],
)
def test_a_specialist_may_bring_its_own_words(request_: str, expected: str) -> None:
    assert said(route(request_, (), read_fields(OWN))) == expected


def test_only_fields_that_are_handed_over_are_named() -> None:
    fields = [field for field in FIELDS if field.name in ("policy", "sql")]
    assert {step.specialist for _, request in ROWS for step in route(request, (), fields).steps} == {"policy", "sql"}


def test_the_rules_are_seldom_sure_of_what_they_cannot_know() -> None:
    clear, vague = "inject 300 ms latency between cart and redis", "my thing is slow, look at the thing"
    assert route(clear, (), FIELDS).sure and not route(vague, (), FIELDS).sure
    assert 0 < route(vague, (), FIELDS).probability < route(clear, (), FIELDS).probability <= 1


def words() -> st.SearchStrategy[str]:
    """Texts of the vocabulary's own words, signs and anything else, so that clauses and orders come about."""
    known = sorted({word for _, request in ROWS for word in request.split()})
    piece = st.one_of(
        st.sampled_from(known), st.sampled_from([",", ". ", "\n", "; then", "before", "その後"]), st.text()
    )
    return st.lists(piece, max_size=30).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(st.one_of(words(), st.text()))
def test_any_text_has_an_answer_and_always_the_same(text: str) -> None:
    found = route(text, (), FIELDS)
    assert route(text, (), FIELDS) == found
    assert {step.specialist for step in found.steps} <= set(NAMES)
    assert all(step.goal.strip() for step in found.steps) and 0 <= found.probability <= 1
    names = [step.specialist for step in found.steps]
    assert all(one != other for one, other in pairwise(names)), "one task for one's work in a row"
    assert all(place < at for at, step in enumerate(found.steps) for place in step.after)


@pytest.mark.parametrize(
    "piece",
    ["kill the pod and ", "SELECT a FROM b ", "a.", "/a", "role a-", "日志", "(", '"x ', "\0", "\ud800", "😀 ", "1"],
)
def test_a_request_of_any_size_is_looked_at_in_part(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    tokens = Vocabulary.tokens

    def watched(self: Vocabulary, text: str) -> list[Token]:
        seen.append(len(text))
        return tokens(self, text)

    monkeypatch.setattr(Vocabulary, "tokens", watched)
    route(piece * (1_000_000 // len(piece)), (), FIELDS)
    assert seen and max(seen) < 7000


def test_shuffled_words_are_answered_too() -> None:
    rng = random.Random(5)
    for _, request in ROWS:
        pieces = request.split()
        rng.shuffle(pieces)
        assert said(route(" ".join(pieces), (), FIELDS))
