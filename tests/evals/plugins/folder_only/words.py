"""A scorer of this suite."""

from collections.abc import Mapping

from opswright.nouns import Json


def score(case: Mapping[str, Json], result: Mapping[str, Json]) -> Mapping[str, Json]:
    """Passed when the answer has as many words as it may."""
    words = len(str(result["answer"]).split())
    return {"passed": words <= case["most_words"], "words": words}
