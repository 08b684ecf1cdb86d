"""The command: runs every probe at the same time, none longer than the deadline."""

import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import click

from opswright import __version__
from opswright.cli.doctor import databases, engines, leftovers, machine, models, parts, sandboxes
from opswright.cli.doctor.finding import Finding, Health
from opswright.console import Failure, Options, Reply, Status, bad, common_options, good, heading, hint, visible
from opswright.errors import Exit
from opswright.settings import Settings

DEADLINE_S = 15.0
Probe = Callable[[Settings], Finding]
PROBES: tuple[Probe, ...] = (
    machine.python,
    parts.settings_in_force,
    machine.state_folder,
    leftovers.leftovers,
    parts.action_database,
    parts.cvc5,
    models.models,
    parts.signing_key,
    engines.docker,
    engines.bubblewrap,
    machine.control_groups,
    sandboxes.sandbox,
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
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    text = report(findings, columns)
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


def report(findings: Sequence[Finding], columns: int = 0) -> str:
    """The findings for a person; `columns`: the terminal's width to wrap at, 0 for no wrapping."""
    width = max(len(finding.name) for finding in findings)
    lines = [heading(f"opswright {__version__}")]
    for finding in findings:
        paint = {Health.OK: good, Health.BROKEN: bad}.get(finding.health, hint)
        said = _wrapped(finding.detail, columns - width - 11)
        said += [
            "-> " + line if at == 0 else "   " + line for at, line in enumerate(_advice(finding, columns - width - 14))
        ]
        for at, line in enumerate(said):
            start = f"{paint(f'{finding.health:<8}')} {finding.name:<{width}}" if at == 0 else " " * (width + 9)
            lines.append(f"{start}  {visible(line)}")
    faults = sum(finding.health is Health.BROKEN for finding in findings)
    works = "All that the settings ask for works; what is missing is optional."
    return "\n".join([*lines, "", bad(f"{faults} of these must be mended.") if faults else works])


def _advice(finding: Finding, columns: int) -> list[str]:
    return _wrapped(finding.advice, columns) if finding.advice else []


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, max(columns, 24), break_long_words=False) if columns > 0 else [text]
