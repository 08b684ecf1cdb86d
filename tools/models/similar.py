"""The cache of answers to similar questions: for prompts that have a rule, and only for the inputs they call `wording`.

An answer may be used again where everything but the wording is the same (model, prompt, schema, tools, every other
input, the conversation so far), the two wordings' marks agree (wording.py), and their vectors are at least as near as
the rule's threshold. The gateway then puts it through the caller's shape and validator for the new question. Only
answers that came from a model are kept, so that no chain of likenesses leads away from a question that was asked.

It is in the file of the exact cache, keeps no question's text, and where it fails it is an empty one.
"""

import array
import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from opswright.nouns import digest
from opswright.settings import SemanticRule
from opswright.tools.models.cache import in_transaction
from opswright.tools.models.talk import Answer
from opswright.tools.models.wording import marks

T = TypeVar("T")
MOST_HITS = 3
SCHEMA = """
CREATE TABLE IF NOT EXISTS similar (
    question TEXT PRIMARY KEY, category TEXT NOT NULL, alike TEXT NOT NULL, made REAL NOT NULL, used REAL NOT NULL,
    size_bytes INTEGER NOT NULL, vector BLOB NOT NULL, answer TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS similar_alike ON similar (category, alike);
"""


@dataclass(frozen=True)
class Embedding:
    """Texts to vectors of unit length; vectors under different names are never compared."""

    name: str
    embed: Callable[[Sequence[str]], Sequence[Sequence[float]]]


@dataclass(frozen=True)
class Wording:
    """A question seen as wording and the rest. `question`: its hash; `rest`: the hash with the wording left out."""

    category: str
    question: str
    rest: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """An answer to a similar question; `distance` is 1 minus the cosine."""

    question: str
    answer: Answer
    distance: float


@dataclass(frozen=True)
class Similar:
    """`rules` by category (a prompt id); a category without one is never looked at. Safe between threads, processes."""

    path: Path
    rules: Mapping[str, SemanticRule]
    embedding: Embedding
    clock: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def find(self, asked: Wording) -> list[Hit]:
        """Answers that may be used if they hold for this question, nearest first.

        Raises what the embedder raises.
        """
        rule = self.rules.get(asked.category)
        if rule is None:
            return []
        oldest = self.clock() - rule.days * 86400
        query = (asked.category, self._alike(asked), oldest)
        rows = self._run(
            lambda database: database.execute(
                "SELECT question, vector, answer FROM similar WHERE category = ? AND alike = ? AND made > ?", query
            ).fetchall()
        )
        if not rows:
            return []
        vector = self._vector(asked)
        hits = [hit for row in rows if (hit := _hit(row, vector)) is not None and 1 - hit.distance >= rule.threshold]
        return sorted(hits, key=lambda hit: (hit.distance, hit.question))[:MOST_HITS]

    def put(self, asked: Wording, answer: Answer) -> None:
        """Keeps an answer of a model without tool calls, and drops what is too old or beyond the quota."""
        rule = self.rules.get(asked.category)
        if rule is None or answer.calls:
            return
        vector, text, now = self._vector(asked).tobytes(), json.dumps(answer.as_json()), self.clock()
        row = (asked.question, asked.category, self._alike(asked), now, now, len(text) + len(vector), vector, text)

        def store(database: sqlite3.Connection) -> None:
            database.execute("INSERT OR REPLACE INTO similar VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            old = (asked.category, now - rule.days * 86400)
            database.execute("DELETE FROM similar WHERE category = ? AND made <= ?", old)
            database.execute(
                "DELETE FROM similar WHERE question IN (SELECT question FROM (SELECT question, SUM(size_bytes) OVER "
                "(ORDER BY used DESC, question) AS taken FROM similar WHERE category = ?) WHERE taken > ?)",
                (asked.category, rule.mb * 1024 * 1024),
            )

        self._run(store)

    def used(self, hit: Hit) -> None:
        """Notes that a hit was of use: what is never of use gives way first."""
        when = (self.clock(), hit.question)
        self._run(lambda database: database.execute("UPDATE similar SET used = ? WHERE question = ?", when))

    def _alike(self, asked: Wording) -> str:
        """Equal where everything agrees that has to."""
        return digest([self.embedding.name, asked.rest, [marks(text).digest for text in asked.texts]])

    def _vector(self, asked: Wording) -> "array.array[float]":
        [vector] = self.embedding.embed(["\n".join(asked.texts)])
        return array.array("f", vector)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        with self._lock:
            return in_transaction(self.path, SCHEMA, work)


def _hit(row: tuple[str, bytes, str], vector: "array.array[float]") -> Hit | None:
    """None for a row that is damaged."""
    question, kept_bytes, text = row
    with contextlib.suppress(TypeError, KeyError, ValueError):
        kept = array.array("f")
        kept.frombytes(kept_bytes)
        if len(kept) == len(vector):
            cosine = sum(a * b for a, b in zip(kept, vector, strict=True))
            return Hit(str(question), Answer.from_json(json.loads(text)), 1 - cosine)
    return None
