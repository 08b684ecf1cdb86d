"""Retrieval over manuals: hybrid against plain BM25 and vectors alone."""

from collections.abc import Sequence

from opswright.evals.suites import Part, Setup, Suite


def _open(setup: Setup) -> Sequence[Part]:
    from opswright.evals.retrieval.parts import Questions

    return [Questions(half, setup.cases / f"{half}.jsonl") for half in ("development", "judged", "fresh")]


SUITE = Suite(
    summary="Finding the right passage of the GlusterFS option help and man pages.",
    parts={
        "development": "40 questions that the ranking was improved on",
        "judged": "40 questions that were looked at for judging alone",
        "fresh": "40 questions by another author, who saw neither the others nor the program",
    },
    open=_open,
)
