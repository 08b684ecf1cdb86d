"""Which specialists a request is for, in which order, or none."""

from collections.abc import Sequence

from opswright.evals.suites import Part, Setup, Suite


def _open(setup: Setup) -> Sequence[Part]:
    from opswright.evals.routing.parts import Requests

    return [Requests(name, setup) for name in ("development", "judged", "others")]


SUITE = Suite(
    summary="Routing: which specialists a request is for, in which order, or none of them.",
    parts={
        "development": "120 labelled requests that vocabularies and weights were made with",
        "judged": "120 of the same author that nobody looked at, for judging only",
        "others": "161 by two other authors who saw neither the program nor these, for judging only",
    },
    open=_open,
)
