"""`opswright verify` and `opswright apply`: a receipt checked again, and its result adopted."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opswright.console import (
    Options,
    Reply,
    Status,
    bad,
    common_options,
    good,
    heading,
    hint,
    inline,
    person,
    visible,
)
from opswright.console.output import write_error_stream
from opswright.errors import ApprovalNeeded, ApprovalRefused
from opswright.nouns import Action, Json, Outcome, Verdict, as_json

if TYPE_CHECKING:
    from opswright.agents.applying import Applied
    from opswright.agents.manifests import Manifest
    from opswright.agents.ports import Specialist
    from opswright.agents.receipts import Verification
    from opswright.knowledge.journal import Journal

    Specialists = Callable[[str], tuple[Manifest, Specialist]]

RECEIPT = click.argument("file", metavar="RECEIPT", type=click.Path(path_type=Path))
KEY = click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="A public key (or its file) that must have signed; repeatable."
)


@click.command()
@RECEIPT
@KEY
@click.option("--live", is_flag=True, help="Also look whether the world is still what was accepted.")
@common_options
def verify(options: Options, file: Path, keys: tuple[str, ...], live: bool) -> Reply:
    """Check a receipt: that no byte was changed, and its proofs once more.

    Nothing in the receipt is trusted: the proofs are made again from its task and its result alone.
    """
    with _specialists(options) as specialists:
        found = _verification(options, specialists, file, keys, live)
    content = found.receipt.content
    verdicts = {"replay": found.replay, "live": found.live}
    result: Json = {
        "receipt": str(file),
        "id": found.receipt.id,
        "specialist": content.task.specialist,
        "version": content.version,
        "integrity": True,
        "signed_by": found.receipt.signed_by or None,
        "notes": list(found.notes),
        **{name: None if verdict is None else as_json(verdict) for name, verdict in verdicts.items()},
    }
    lines = [f"{good('intact')}  {inline(f'receipt {found.receipt.id[:12]}, {content.task.goal}')}"]
    lines += [_line(name, verdict) for name, verdict in verdicts.items() if verdict is not None]
    lines += [hint(f"note    {note}") for note in found.notes]
    return Reply(Status.of(found.outcome), result, "\n".join(lines))


@click.command()
@RECEIPT
@KEY
@common_options
def apply(options: Options, file: Path, keys: tuple[str, ...]) -> Reply:
    """Adopt the result of a receipt, after verifying it.

    What is done is shown first and needs the approval that its risk asks for; `opswright undo` takes it back. With a
    receipt that no run of yours wrote and no key you trust signed, --yes does not count: it may name any file.
    """
    from opswright.agents.applying import apply_receipt, planned, vouched_for
    from opswright.agents.wiring import workshop_of
    from opswright.knowledge.journal import Journal

    journal = Journal(options.settings.journal_path)
    with _specialists(options) as specialists:
        found = _verification(options, specialists, file, keys, live=False)
        manifest, specialist = specialists(found.receipt.content.task.specialist)
        if options.dry_run:
            return _plan(planned(found, specialist))
        vouched = vouched_for(found.receipt, journal, _trusted(options, keys))
        if options.yes and not vouched:
            options.progress("--yes is not for a receipt that no run here wrote and no trusted key signed")
        workshop = workshop_of(options.settings, journal, options.yes and vouched)
        shown: set[str] = set()

        def show(action: Action) -> None:
            if action.hash not in shown:
                shown.add(action.hash)
                write_error_stream(f"{heading(action.effect)}\n{visible(action.preview)}")

        while True:
            try:
                return _reply(apply_receipt(found, specialist, manifest.risk, workshop, show), journal)
            except ApprovalNeeded as needed:
                _let_a_person_answer(options, needed)


def _let_a_person_answer(options: Options, needed: ApprovalNeeded) -> None:
    """Grants what a person at the terminal approves. Raises ApprovalNeeded without one, ApprovalRefused for a no."""
    from opswright.agents import approvals
    from opswright.knowledge.journal import Journal

    ask = person(options.format)
    if ask is None:
        raise needed
    journal = Journal(options.settings.journal_path)
    question = approvals.asked(journal, needed.action_hash)
    if not ask(question.action, question.reason):
        approvals.refuse(journal, needed.action_hash)
        raise ApprovalRefused(f"{question.action.effect}: you said no; nothing was done")
    approvals.grant(journal, needed.action_hash)


def _verification(
    options: Options, specialists: "Specialists", file: Path, keys: tuple[str, ...], live: bool
) -> "Verification":
    from opswright.agents.receipts import verify_receipt

    trusted = _trusted(options, keys)
    return verify_receipt(file, live=live, trusted=trusted, specialist=lambda name: specialists(name)[1])


def _trusted(options: Options, keys: tuple[str, ...]) -> list[str]:
    from opswright.agents.signing import read_public

    return [read_public(key) for key in keys or options.settings.signing.trusted]


def _specialists(options: Options) -> "AbstractContextManager[Specialists]":
    from opswright.agents.wiring import Doors, specialists_of
    from opswright.knowledge.journal import Journal

    return specialists_of(options.settings, Journal(options.settings.journal_path), Doors(say=options.progress))


def _line(name: str, verdict: Verdict) -> str:
    paint = {Outcome.ACCEPTED: good, Outcome.REJECTED: bad, Outcome.UNDECIDED: hint}[verdict.outcome]
    return f"{paint(f'{verdict.outcome:<9}')} {name}: {inline(verdict.reason)}"


def _plan(actions: tuple[Action, ...]) -> Reply:
    rows = [as_json(action) | {"hash": action.hash} for action in actions]
    text = "\n".join(f"{heading(f'would do: {action.effect}')}\n{visible(action.preview)}" for action in actions)
    return Reply(Status.DONE, {"planned": rows}, text)


def _reply(applied: "Applied", journal: "Journal") -> Reply:
    from opswright.agents.attempts import Attempts

    hashes = {action.hash for action in applied.actions}
    adopted = [one for one in Attempts(journal).standing() if one.kept]
    ids = [one.seq for one in adopted if one.action.hash in hashes]
    result: Json = {
        "applied": not applied.already,
        "already": applied.already,
        "actions": [as_json(action) | {"hash": action.hash} for action in applied.actions],
        "results": list(applied.results),
        "verdict": as_json(applied.verdict),
        "undo": ids,
    }
    what = "nothing to do: it is applied already" if applied.already else good("applied")
    lines = [f"{what}: {inline(applied.verdict.reason)}", *(f"to take it back: opswright undo {id}" for id in ids)]
    return Reply(Status.DONE, result, "\n".join(lines))
