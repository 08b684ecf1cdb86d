"""What a repair's result looks like, and how it is made real: one file written, if that was asked for."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opswright.agents.policy.contents import notes_of, read_proposal
from opswright.agents.policy.inputs import Work, read_work
from opswright.agents.policy.localise import localisation, why
from opswright.agents.policy.repair import written
from opswright.agents.ports import accepted, rejected
from opswright.console.text import inline
from opswright.errors import InputError, ToolFailed
from opswright.nouns import Action, History, Json, Outcome, Proposal, Task, Trial, Verdict
from opswright.tools.files import write

APPLY = "apply"  # the task's input with which `opswright apply` asks for the adoption of what was only shown


@dataclass(frozen=True)
class PolicyAdopter:
    """Implements the Adopter port."""

    def adoption(self, task: Task, proposal: Proposal) -> Sequence[Action]:
        """One file to write where the task names one; with `apply`, the policy's own file.

        Raises InputError when that file is not any more what the repair began with.
        """
        target = _target(task)
        if target is None:
            return ()
        text = _text(task, proposal)
        in_place = target == task.inputs.get("policy_path")
        before = str(task.inputs["policy"]) if in_place else None
        return () if in_place and text == before else (write.action(Path(target), text, before=before),)

    def result(self, task: Task, history: History, verdict: Verdict) -> Json:
        """The repair's result object: of the accepted trial, else how far it came."""
        last = _accepted(history)
        if last is None:
            return _without_repair(task, history, verdict)
        shown = last.observation.values if last.observation else {}
        text = _text(task, last.proposal)
        diff = _diff(str(task.inputs["policy"]), text, str(task.inputs["policy_name"]))
        content = last.proposal.content
        return {
            "policy": content["policy"],
            "text": text,
            "diff": diff,
            **{name: shown.get(name) for name in ("requests", "widened", "witness", "edits", "new_access", "warnings")},
            "changes": notes_of(last.proposal),
            "proof": shown.get("claims", []),
            "summary": "\n".join([*_causes(read_work(task)), summary(diff, shown)]),
        }

    def verify(self, task: Task, proposal: Proposal) -> Verdict:
        """The file holds the accepted text."""
        target = _target(task)
        if target is None:
            return accepted("nothing was to be written")
        try:
            found = write.content(Path(target))
        except ToolFailed as error:
            return rejected(str(error))
        if found is None:
            return rejected(f"{target} does not exist")
        if found != _text(task, proposal).encode():
            return rejected(f"{target} does not hold the accepted policy")
        return accepted(f"{target} holds the accepted policy")


def _target(task: Task) -> str | None:
    out = task.inputs.get("out")
    if isinstance(out, str):
        return out
    path = task.inputs.get("policy_path")
    return path if task.inputs.get(APPLY) is True and isinstance(path, str) else None


def _text(task: Task, proposal: Proposal) -> str:
    found = read_proposal(proposal)
    if isinstance(found, Verdict):
        raise InputError(found.reason, "proposal")
    return written(read_work(task).policy, found.value)


def _accepted(history: History) -> Trial | None:
    return next((t for t in reversed(history) if t.verdict is not None and t.verdict.accepted), None)


def _without_repair(task: Task, history: History, verdict: Verdict) -> Json:
    """No accepted policy: what is wrong with the original, and what spoke against the last proposal."""
    try:
        work = read_work(task)
    except InputError:
        return None
    wrong = localisation(work.policy, work.spec)
    last = history[-1].verdict if history else None
    total = len(work.spec.requests)
    return {
        "policy": None,
        "requests": {"total": total, "satisfied": total - len(wrong)},
        "widened": None if verdict.outcome is Outcome.UNDECIDED else False,
        "witness": None,
        "edits": {"statements": 0, "elements": 0},
        "wrong": wrong,
        "reason": last.reason if last else verdict.reason,
        "counterexamples": list(last.evidence.get("counterexamples", [])) if last else [],
        "summary": "\n".join([*_causes(work), f"No repair was accepted: {last.reason if last else verdict.reason}"]),
    }


def _diff(before: str, after: str, name: str) -> str:
    # Not splitlines: a line separator within a string must not make a line of the diff out of it.
    old, new = (text.removesuffix("\n").split("\n") for text in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{name.lstrip('/')}", f"b/{name.lstrip('/')}", lineterm="")
    return "\n".join(lines)


def _causes(work: Work) -> list[str]:
    """Why the original does not do what it should, a line for each request."""
    found = localisation(work.policy, work.spec)
    return [inline(f"wrong today: {entry['id']}: wanted {entry['wanted']}, {why(entry)}") for entry in found]


def summary(diff: str, shown: object) -> str:
    """The diff and what was proved, for whoever reads the answer to a request."""
    values = shown if isinstance(shown, dict) else {}
    lines = [diff or "the policy meets the specification as it is; nothing to change"]
    lines += [inline(line) for line in proof_lines(values)]
    return "\n".join(lines)


def proof_lines(values: dict[str, Json]) -> list[str]:
    """What was shown, a line each."""
    requests = values.get("requests") or {}
    lines = [f"requests: {requests.get('satisfied')} of {requests.get('total')} are met"]
    for claim in values.get("claims") or values.get("proof") or []:
        word = {True: "proved", False: "refuted", None: "undecided"}[claim["holds"]]
        lines.append(f"{word}: {claim['claim']}")
    for grant in values.get("new_access") or []:
        example = grant["example"]
        lines.append(
            f"new access: statement {grant['statement']} {grant['change']} such as {example['action']}"
            f" on {example['resource']}"
        )
    lines += [f"warning: {text}" for text in values.get("warnings") or []]
    return lines
