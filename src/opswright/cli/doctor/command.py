"""The command: runs every probe at the same time, none longer than the deadline."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import click

from opswright import __version__
from opswright.cli.doctor import databases, engines, leftovers, machine, models, parts
from opswright.cli.doctor.finding import Finding, Health
from opswright.console import Failure, Options, Reply, Status, bad, common_options, good, heading, hint, visible
from opswright.errors import Exit
from opswright.settings import Settings

DEADLINE_S = 15.0
Probe = Callable[[Settings], Finding]
PROBES: tuple[Probe, ...] = (
    machine.python,
    machine.state_folder,
    leftovers.leftovers,
    parts.action_database,
    parts.cvc5,
    models.models,
    parts.signing_key,
    engines.docker,
    engines.bubblewrap,
    machine.control_groups,
    machine.glusterfs,
    machine.fio,
    engines.kubernetes,
    databases.postgresql,
    databases.mariadb,
    databases.redis,
    databases.embedded,
    machine.chromium,
)


@click.command()
@common_options
def doctor(options: Options) -> Reply:
    """Say what this machine offers and what to do where something is missing.

    Exit code 0 when all that the settings ask for works (the rest is optional), 6 when something does not.
    """
    findings = examine(PROBES, options.settings)
    faults = [finding for finding in findings if finding.health is Health.BROKEN]
    result = {"version": __version__, "findings": [asdict(finding) for finding in findings]}
    text = report(findings)
    if not faults:
        return Reply(Status.DONE, result, text)
    first = faults[0]
    failure = Failure("EnvironmentFailed", f"{first.name}: {first.detail}; {first.advice}", Exit.ENVIRONMENT)
    return Reply(Status.ERROR, result, text, error=failure)


def examine(probes: Sequence[Probe], settings: Settings, deadline_s: float = DEADLINE_S) -> list[Finding]:
    """Every probe's finding in order. A probe that is late (a name server that hangs) is `unknown`, not waited for."""
    found: dict[int, Finding] = {}
    bugs: list[Exception] = []

    def run(index: int, probe: Probe) -> None:
        try:
            found[index] = probe(settings)
        except Exception as error:  # noqa: BLE001 - raised below: a thread must not print a traceback
            bugs.append(error)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(probes)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + deadline_s
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    for bug in bugs:
        raise bug
    return [found.get(index) or _unknown(probe, deadline_s) for index, probe in enumerate(probes)]


def _unknown(probe: Probe, deadline_s: float) -> Finding:
    name = probe.__name__.replace("_", " ").capitalize()
    return Finding(name, Health.UNKNOWN, f"no answer within {deadline_s:g} s", "try again")


def report(findings: Sequence[Finding]) -> str:
    """The findings for a person: what works first, then what is optional and missing, then what is broken."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        paint = {Health.OK: good, Health.BROKEN: bad}.get(finding.health, hint)
        lines.append(f"{paint(f'{finding.health:<8}')} {finding.name:<{width}}  {visible(finding.detail)}")
        if finding.advice:
            lines.append(f"{'':<8} {'':<{width}}  {visible('-> ' + finding.advice)}")
    return "\n".join([heading(f"opswright {__version__}"), *lines])
