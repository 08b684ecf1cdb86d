"""The terms of a text for the index of words: plain words, compound names as a whole beside their parts, concepts.

A concept is what a word stands for in operations work (embedding/concepts.txt), so that users' words meet the manual's.
"""

import re
import unicodedata

from opswright.knowledge.embedding.concepts import concepts, list_digest, stems

CONCEPT = "zqc"  # and its number: no word looks like it
_WORD = re.compile(r"[^\W_]+(?:[-._:/][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
STOP = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "how", "i", "if", "in",
    "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "should", "so", "that", "the", "their", "them",
    "there", "these", "this", "to", "us", "was", "we", "what", "when", "where", "which", "who", "why", "will",
    "with", "you", "your",
})  # fmt: skip


def terms(text: str) -> list[str]:
    """Lower-case words; `cluster.lookup-optimize` gives its three parts and `cluster_lookup_optimize`."""
    found = []
    for match in _WORD.finditer(unicodedata.normalize("NFKC", text).lower()):
        parts = _PART.findall(match[0])
        found += parts
        if 1 < len(parts) <= 6:
            found.append("_".join(parts))
    return found


def index_terms(text: str) -> list[str]:
    """What a passage is found by: its terms and its concepts, each as often as it occurs."""
    return terms(text) + _concepts(text)


def query_terms(text: str, most: int = 64) -> list[str]:
    """The different terms of a question, without words that say nothing unless there are no others; then its concepts.

    Empty for a text without a word.
    """
    every = list(dict.fromkeys(terms(text)))
    said = [term for term in every if term not in STOP][:most] or every[:most]
    return said + list(dict.fromkeys(_concepts(text)))[:most]


def terms_version() -> str:
    """Changes with the word list: an index is made of one list."""
    return f"2-{list_digest()}"


def _concepts(text: str) -> list[str]:
    return [f"{CONCEPT}{number}" for number in concepts(stems(text))]
