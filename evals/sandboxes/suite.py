"""What a call costs before it has done anything, in each sandbox and in none."""

from collections.abc import Sequence

from opswright.evals.suites import Part, Setup, Suite


def _open(setup: Setup) -> Sequence[Part]:
    from opswright.evals.sandboxes.startup import Startup

    return (Startup(setup.settings.sandbox, setup.seed),)


SUITE = Suite(
    summary="Sandboxes: what starting a call costs, beside a bare process and `docker run`.",
    parts={"startup": "the program `true`, each way in a shuffled order, round by round"},
    open=_open,
)
