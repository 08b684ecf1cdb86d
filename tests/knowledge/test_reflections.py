"""Reflections over a real journal: what is written, how it is folded, what is recalled."""

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opswright.agents.ports import Lesson
from opswright.errors import InputError
from opswright.knowledge.erasure import rewrite
from opswright.knowledge.journal import Journal
from opswright.knowledge.reflections import FORGOTTEN, KIND, Evidence, Reflection, Reflections
from opswright.nouns import Json, Outcome, Verdict

ACCEPTED = Verdict(Outcome.ACCEPTED, "proved")
REJECTED = Verdict(Outcome.REJECTED, "a witness")
UNDECIDED = Verdict(Outcome.UNDECIDED, "out of time")
DAY = 86400.0


@dataclass
class Store:
    """A store on its own journal file, with a clock that is set by hand."""

    path: Path
    now: list[float] = field(default_factory=lambda: [1_000_000.0])

    @property
    def reflections(self) -> Reflections:
        """Opened anew each time: nothing may live in memory alone."""
        journal = Journal(self.path, clock=lambda: self.now[0])
        return Reflections(journal, clock=lambda: self.now[0])

    def learn(self, lesson: Lesson, run: str = "run-1", verdict: Verdict = ACCEPTED) -> tuple[str, ...]:
        evidence = Evidence(run, f"{run}.json", before={"satisfied": 1}, after={"satisfied": 3})
        return self.reflections.learn("policy", [lesson], verdict, evidence, task="t1")

    def one(self, lesson: Lesson, run: str = "run-1", verdict: Verdict = ACCEPTED) -> Reflection:
        return self.reflections.get(self.learn(lesson, run, verdict)[0])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "journal.sqlite3")


def lesson(text: str = "buckets are acme-<team>", scope: str = "acme", **content: Json) -> Lesson:
    return Lesson(scope, "naming", content, text)


def test_an_accepted_episode_teaches_at_once_with_its_provenance(store: Store) -> None:
    found = store.one(lesson(pattern="acme-*"))
    assert found.status == "active"
    assert found.evidence == (Evidence("run-1", "run-1.json", {"satisfied": 1}, {"satisfied": 3}),)
    assert [one.id for one in store.reflections.recall("policy", "acme", "bucket")] == [found.id]


def test_an_undecided_episode_teaches_nothing(store: Store) -> None:
    assert store.learn(lesson(), verdict=UNDECIDED) == ()
    assert not store.path.exists()


def test_a_rejected_episode_leaves_a_candidate_that_another_run_confirms(store: Store) -> None:
    assert store.one(lesson(), verdict=REJECTED).status == "candidate"
    assert store.one(lesson(), verdict=REJECTED).status == "candidate", "the same run again confirms nothing"
    assert store.reflections.recall("policy", "acme", "buckets") == ()
    assert store.one(lesson(), run="run-2", verdict=REJECTED).status == "active"


def test_learning_again_after_a_resume_writes_once(store: Store) -> None:
    store.learn(lesson())
    store.learn(lesson())
    assert len(list(Journal(store.path).read(KIND))) == 1


def test_near_duplicates_merge_and_keep_all_evidence(store: Store) -> None:
    first = store.one(lesson("buckets  are acme-<team>", pattern="acme-*", of=["s3"]))
    second = store.one(lesson("A bucket is named acme-<team>.", pattern=" acme-* ", of=["s3"]), run="run-2")
    assert first.id == second.id
    assert [one.run for one in second.evidence] == ["run-1", "run-2"]
    assert second.text == "buckets  are acme-<team>"
    assert store.one(lesson("Buckets are: acme-<team>!")).id == store.one(lesson("buckets are acme team")).id
    assert len(store.reflections.all()) == 2


def test_what_differs_in_case_or_number_does_not_merge(store: Store) -> None:
    ids = {store.one(lesson(pattern=text)).id for text in ("Reports/*", "reports/*", "reports/1", "reports/2")}
    assert len(ids) == 4


def test_contradictions_are_kept_until_one_is_clearly_ahead(store: Store) -> None:
    dash = store.one(lesson(about="bucket names", separator="-"))
    dot = store.one(lesson(about="bucket names", separator="."), run="run-2")
    assert {one.id for one in store.reflections.recall("policy", "acme", "")} == {dash.id, dot.id}
    for number in range(2):
        store.reflections.used([dash.id], True, f"use-{number}")
    assert store.reflections.get(dot.id).status == "active", "two points are not clear"
    store.reflections.used([dash.id], True, "use-3")
    beaten = store.reflections.get(dot.id)
    assert (beaten.status, beaten.why) == ("superseded", f"by {dash.id}: 4 points against 1")
    assert beaten.evidence, "with its evidence"
    assert store.reflections.get(dash.id).status == "active"


def test_in_another_scope_or_about_something_else_nothing_contradicts(store: Store) -> None:
    strong = store.one(lesson(about="bucket names", separator="-"))
    store.reflections.used([strong.id], True, "use-1")
    for number in range(5):
        store.reflections.used([strong.id], True, f"use-{number}")
    assert store.one(lesson(scope="other", about="bucket names", separator=".")).status == "active"
    assert store.one(lesson(about="key names", separator=".")).status == "active"


def test_harm_retires_and_uses_count_once_a_run(store: Store) -> None:
    found = store.one(lesson())
    for _ in range(3):
        store.reflections.used([found.id], False, "run-8", "t")
    assert store.reflections.get(found.id).harmful == 1
    store.reflections.used([found.id], False, "run-9", "t")
    retired = store.reflections.get(found.id)
    assert (retired.status, retired.why) == ("retired", "did more harm than good")
    assert store.one(lesson(), run="run-10").status == "retired", "saying it again does not bring it back"


def test_a_lesson_expires_unless_it_is_confirmed(store: Store) -> None:
    store.learn(lesson())
    store.now[0] += 179 * DAY
    store.learn(lesson(), run="run-2")
    store.now[0] += 179 * DAY
    assert store.reflections.all()[0].status == "active"
    store.now[0] += 2 * DAY
    assert store.reflections.all()[0].status == "retired"
    assert store.reflections.recall("policy", "acme", "buckets") == ()


def test_a_person_retires_and_supersedes(store: Store) -> None:
    old, new = store.one(lesson(v=1)), store.one(lesson(v=2))
    store.reflections.supersede(old.id, new.id, "renamed")
    assert store.reflections.get(old.id).why == f"by {new.id}: renamed"
    store.reflections.retire(new.id, "moved away")
    assert store.reflections.get(new.id).status == "retired"
    with pytest.raises(InputError, match="there is no such reflection"):
        store.reflections.retire("nobody", "x")


def test_secrets_are_scrubbed(store: Store) -> None:
    taught: Mapping[str, Json] = {"password": "hunter22", "note": "uses AKIAIOSFODNN7EXAMPLE"}
    store.learn(Lesson("acme", "naming", taught, "the url is https://me:hunter22@host/"))
    text = " ".join(path.read_bytes().decode("latin-1") for path in store.path.parent.iterdir())
    assert "hunter22" not in text
    assert "AKIAIOSFODNN7EXAMPLE" not in text


def test_recall_keeps_to_scope_and_specialist(store: Store) -> None:
    for scope in ("", "acme", "acme/s3", "acme/s3/reports", "acm", "acme-two"):
        store.learn(lesson(f"about {scope}", scope=scope, at=scope))
    found = [one.scope for one in store.reflections.recall("policy", "acme/s3", "", limit=9)]
    assert found == ["acme/s3", "acme", ""], "the nearest scope first"
    assert store.reflections.recall("sql", "acme", "about") == ()


def test_recall_ranks_by_words_then_by_points(store: Store) -> None:
    queues = store.one(lesson("queues end in -fifo", kind_of="sqs"))
    buckets = store.one(lesson("buckets start with acme", kind_of="s3"))
    useful = store.one(lesson("tables are singular", kind_of="dynamodb"))
    store.reflections.used([useful.id], True, "run-5")
    ranked = store.reflections.recall("policy", "acme", "why can nobody read the buckets of s3?")
    assert [one.id for one in ranked] == [buckets.id, useful.id, queues.id]
    assert [one.id for one in store.reflections.recall("policy", "acme", "queues", limit=1)] == [queues.id]
    assert store.reflections.recall("policy", "acme", "queues", limit=0) == ()


def test_near_duplicates_without_content_merge_under_the_first_id(store: Store) -> None:
    first = store.one(lesson("Buckets of acme are named acme-<team>-2"))
    for number, text in enumerate(("the bucket of acme is named acme-<team>-2", "buckets of acme: acme-<team>-2."), 2):
        (id,) = store.learn(lesson(text), run=f"run-{number}")
        merged = store.reflections.get(id)
        assert (merged.id, merged.text) == (first.id, first.text)
        store.reflections.used([id], True, f"use-{number}")
    (only,) = store.reflections.all()
    assert [one.run for one in only.evidence] == ["run-1", "run-2", "run-3"]
    assert only.helpful == 2
    store.reflections.retire(merged.id, "moved")
    assert store.one(lesson("A bucket of acme is: acme-<team>-2"), run="run-9").status == "retired"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the limit is 10 seconds", "the limit is 100 seconds"),
        ("turn on the cache for buckets", "turn off the cache for buckets"),
        ("roles may read buckets", "roles may not read buckets"),
        ("move logs from east to west", "move logs from west to east"),
        ("increase the timeout of reads", "decrease the timeout of reads"),
        ("buckets start with acme", "buckets end with acme"),
        ("use arn:aws:s3:::a/*", "use arn:aws:s3:::a/b/*"),
    ],
)
def test_what_says_something_else_does_not_merge(store: Store, one: str, other: str) -> None:
    assert store.one(lesson(one)).id != store.one(lesson(other)).id
    assert len(store.reflections.all()) == 2


def test_near_duplicates_of_another_scope_or_kind_do_not_merge(store: Store) -> None:
    for one in (
        lesson("buckets are acme"),
        lesson("bucket is acme", scope="other"),
        Lesson("acme", "x", {}, "bucket: acme"),
    ):
        store.learn(one)
    assert len(store.reflections.all()) == 3


def test_an_open_store_reads_what_came_since_and_forgets_what_was_erased(store: Store) -> None:
    reflections = store.reflections
    store.learn(lesson("one"))
    assert [one.text for one in reflections.all()] == ["one"]
    store.learn(lesson("two"), run="run-2")
    assert [one.text for one in reflections.all()] == ["one", "two"]
    (record, _) = Journal(store.path).read(KIND)
    rewrite(store.path, [(record.seq, {"event": FORGOTTEN})], "erasure-1")
    assert [one.text for one in reflections.all()] == [one.text for one in store.reflections.all()] == ["two"]


def test_lessons_are_recalled_by_words_alone_without_the_libraries_of_the_index(store: Store) -> None:
    store.now[0] = time.time()
    store.learn(lesson("buckets start with acme"))
    program = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('numpy', 'chromadb'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from pathlib import Path\n"
        "from opswright.knowledge.journal import Journal\n"
        "from opswright.knowledge.reflections import Reflections\n"
        f"found = Reflections(Journal(Path({str(store.path)!r}))).recall('policy', 'acme', 'bucket names')\n"
        "print([one.text for one in found], 'numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['buckets start with acme'] False"


def test_other_words_for_it_are_enough(store: Store) -> None:
    speed = store.one(lesson("reads are slow where caching is disabled", kind_of="a"))
    store.learn(lesson("the owner of a service is named in its tags", kind_of="b"))
    assert store.reflections.recall("policy", "acme", "latency of the cache", 1)[0].id == speed.id
