"""Which specialists a request is for, in which order, or none."""

from collections.abc import Sequence

from opswright.evals.suites import Part, Setup, Suite


def _open(setup: Setup) -> Sequence[Part]:
    from opswright.evals.routing.parts import Requests

    return [Requests(half, setup) for half in ("development", "judged")]


SUITE = Suite(
    summary="Routing: which specialists a request is for, in which order, or none of them.",
    parts={
        "development": "120 labelled requests that vocabularies and weights were made with",
        "judged": "120 of the same author that nobody looked at, for judging only",
    },
    open=_open,
)
