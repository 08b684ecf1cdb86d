"""Declares the suite."""

from collections.abc import Sequence

from opswright.evals.suites import Part, Setup, Suite


def _open(setup: Setup) -> Sequence[Part]:
    from .parts import open_parts

    return open_parts(setup)


SUITE = Suite(
    summary="Cases that do what they are told.",
    parts={"deeds": "whatever the lines of data say", "secret": "the same, about data that states no licence"},
    open=_open,
    data="probe",
    unrecordable={"secret": "its data states no licence"},
)
