"""The cache of similar questions: what it saves, and how often it would be wrong."""

from collections.abc import Sequence

from opswright.evals.suites import Part, Setup, Suite


def _open(setup: Setup) -> Sequence[Part]:
    from opswright.evals.semantic.parts import Families

    return [Families(half, setup.cases / f"{half}.jsonl") for half in ("development", "judged")]


SUITE = Suite(
    summary="The cache of similar questions: hits on other wordings, false hits on look-alikes.",
    parts={
        "development": "30 families of questions that marks and thresholds were made on",
        "judged": "30 families that were looked at for judging alone",
    },
    open=_open,
)
