"""The terms of a text for the index of words: plain words, and compound names as a whole beside their parts."""

import re
import unicodedata

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


def query_terms(text: str, most: int = 64) -> list[str]:
    """The different terms of a question, without words that say nothing unless there are no others."""
    every = list(dict.fromkeys(terms(text)))
    return [term for term in every if term not in STOP][:most] or every[:most]
