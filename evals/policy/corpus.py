"""The policies of the data folder, read once a process."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from opswright.errors import InputError
from opswright.evals.data import read_list
from opswright.nouns import Json, canonical_json
from opswright.tools.iam.document import Policy
from opswright.tools.iam.parser import policy_from_value

MANAGED, QUACKY, CLOUDFIX = "managed", "quacky", "cloudfix"
FILES = {
    MANAGED: "policy/aws_managed_policies.json",
    QUACKY: "policy/quacky_samples.json",
    CLOUDFIX: "policy/cloudfix_policies.json",
}


@dataclass(frozen=True)
class Document:
    """One policy of a corpus: the plain JSON value and what it parses to."""

    corpus: str
    id: str
    value: Json
    policy: Policy


@cache
def documents(folder: Path, corpus: str) -> tuple[Document, ...]:
    """The distinct documents of a corpus that the strict parser takes, in the file's order."""
    return tuple(_distinct(corpus, read_list(folder, FILES[corpus])))


@cache
def refused(folder: Path, corpus: str) -> Mapping[str, str]:
    """Documents the strict parser refuses, by id, with its reason: AWS would not take them either."""
    reasons = {}
    for item in read_list(folder, FILES[corpus]):
        try:
            policy_from_value(item["policy"], item["id"])
        except InputError as error:
            reasons[item["id"]] = str(error)
    return reasons


def _distinct(corpus: str, items: Iterable[Json]) -> Iterable[Document]:
    seen = set()
    for item in items:
        text = canonical_json(item["policy"])
        if text in seen:
            continue
        seen.add(text)
        try:
            yield Document(corpus, item["id"], item["policy"], policy_from_value(item["policy"], item["id"]))
        except InputError:
            continue


@dataclass(frozen=True)
class Corpora:
    """Several corpora of one folder; picklable, the documents stay in each process's cache."""

    folder: Path
    names: tuple[str, ...] = (MANAGED, QUACKY)

    def documents(self, name: str) -> tuple[Document, ...]:
        """The documents of one of them."""
        return documents(self.folder, name)
