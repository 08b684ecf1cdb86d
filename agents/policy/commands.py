"""`opswright policy diff|check|repair|explain`."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opswright.console import Options, Reply, Status, bad, common_options, good, heading, hint, inline
from opswright.errors import InputError
from opswright.nouns import Json, Task

if TYPE_CHECKING:
    from opswright.agents.policy.checking import Check
    from opswright.tools.iam.document import Request

POLICY = click.argument("file", metavar="POLICY", type=click.Path(path_type=Path))
SPEC = click.option("--spec", required=True, metavar="S", type=click.Path(path_type=Path), help="The specification.")


@click.group()
def policy() -> None:
    """Compare, check, repair and explain AWS access policies."""


@policy.command()
@click.argument("old", metavar="OLD", type=click.Path(path_type=Path))
@click.argument("new", metavar="NEW", type=click.Path(path_type=Path))
@common_options
def diff(options: Options, old: Path, new: Path) -> Reply:
    """Does NEW allow anything that OLD does not?

    The answer is proved, or shown by a request that NEW allows and OLD denies. Exit code 1 for new access, 0 for none,
    3 when it could not be decided.
    """
    from opswright.agents.policy.proofs import request_json
    from opswright.tools.iam.compare import Limits, new_access
    from opswright.tools.iam.parser import read_policy

    before, after = read_policy(old), read_policy(new)
    seconds = options.budget.seconds
    limits = Limits() if seconds is None else Limits(seconds=seconds)
    found = new_access(after, before, limits=limits)
    result: Json = {
        "new_access": found.new_access,
        "witness": request_json(found.witness) if found.witness else None,
        "reason": found.reason,
        "seconds": round(found.seconds, 4),
    }
    if found.new_access is None:
        return Reply(Status.UNDECIDED, result, f"{hint('undecided')}: {inline(found.reason)}")
    if not found.new_access:
        return Reply(Status.DONE, result, f"{good('proved')}: {new} allows nothing that {old} does not")
    shown = [f"{bad('new access')}: {new} allows what {old} does not, such as"]
    shown += _request_lines(found.witness) if found.witness else []
    return Reply(Status.FOUND, result, "\n".join([*shown, inline(found.reason)]))


@policy.command()
@POLICY
@SPEC
@common_options
def check(options: Options, file: Path, spec: Path) -> Reply:
    """Does POLICY do what the specification asks?

    Every request is decided, every `never` and `always` pattern proved or refuted by a request. Exit code 1 when
    something does not hold, 3 when something could not be decided.
    """
    from opswright.agents.policy.checking import check as run_check
    from opswright.agents.policy.repair import check_consistent
    from opswright.tools.iam.parser import read_policy
    from opswright.tools.iam.spec import read_spec

    document, asked = read_policy(file), read_spec(spec)
    check_consistent(asked, str(spec))
    found = run_check(document, asked)
    return Reply(_status(found), found.to_json(), "\n".join(_check_lines(found)))


def _status(found: "Check") -> Status:
    by_answer = {True: Status.DONE, False: Status.FOUND, None: Status.UNDECIDED}
    return by_answer[found.holds]


def _check_lines(found: "Check") -> list[str]:
    lines = []
    for failure in found.failing:
        asked = failure["request"]
        lines.append(f"{bad('not met')}  {inline(str(failure['id']))}: wanted {failure['wanted']}, {failure['why']}")
        lines.append(f"         {inline(asked['action'])} on {inline(asked['resource'])}")
    for claim in found.claims:
        word = {True: good("proved "), False: bad("refuted"), None: hint("undecided")}[claim.holds]
        lines.append(f"{word}  {inline(claim.name)}: {inline(claim.reason)}")
        if claim.holds is False and claim.witness is not None:
            lines += _request_lines(claim.witness)
    lines.append(heading(f"{found.total - len(found.failing)} of {found.total} requests are met"))
    return lines


def _request_lines(request: "Request") -> list[str]:
    lines = [f"    action     {request.action}", f"    resource   {request.resource}"]
    if request.principal is not None:
        lines.append(f"    principal  {request.principal}")
    lines += [f"    {key} = {', '.join(values)}" for key, values in sorted(request.context.items()) if values]
    return [inline(line) for line in lines]


@policy.command()
@POLICY
@SPEC
@click.option("-o", "--out", metavar="OUT", type=click.Path(path_type=Path), help="Write the repaired policy here.")
@click.option("--in-place", is_flag=True, help="Write the repaired policy over POLICY.")
@click.option("--generalise", is_flag=True, help="Grow required requests inside the specification's `may:`.")
@click.option("--goal", metavar="TEXT", default="", help="What the policy is for; model tiers choose by it.")
@common_options
def repair(
    options: Options, file: Path, spec: Path, out: Path | None, in_place: bool, generalise: bool, goal: str
) -> Reply:
    """Repair POLICY so that it meets the specification, with the least change, and prove the result.

    Strict unless --generalise is given: nothing is allowed beyond the original and what the specification requires.
    Without -o or --in-place the diff is printed and nothing written; `opswright apply RECEIPT` adopts it later.
    A new file is written at once; replacing one that exists needs approval or --yes.
    """
    if out is not None and in_place:
        raise InputError("give either -o or --in-place", "-o")
    from opswright.agents.files import File
    from opswright.agents.policy.inputs import read_work, repair_inputs
    from opswright.agents.policy.repair import check_consistent
    from opswright.agents.replies import choices_of, doors_of, reply_of
    from opswright.agents.runs import start
    from opswright.tools.iam.parser import read_text

    texts = [File(str(path), read_text(path, what)) for path, what in ((file, "policy"), (spec, "specification"))]
    target = file if in_place else out
    inputs = repair_inputs(texts[0], texts[1], generalise=generalise, out=target)
    task = Task("t1", "policy", goal or f"Repair {file.name} so that it meets {spec.name}", inputs)
    check_consistent(read_work(task).spec, str(spec))
    choices = choices_of(options)
    # Whoever names a file that does not exist has said what to create; only what exists is asked about.
    if out is not None and not os.path.lexists(out):
        choices = replace(choices, yes=True)
    found = start(task, options.settings, choices, doors_of(options))
    adopted, reason = (found.outcomes[0].adopted, found.outcomes[0].reason) if found.outcomes else (False, "")
    return reply_of(found, _repair_text(found.result, adopted, target, reason))


def _repair_text(result: Json, adopted: bool, target: Path | None, reason: str) -> str | None:
    """What a person reads: the diff, what was proved, where it was written."""
    if not isinstance(result, dict):
        return None
    if result.get("policy") is None:
        return "\n".join([bad("no repair was accepted"), inline(str(result.get("reason", "")))])
    from opswright.agents.policy.adoption import proof_lines

    lines = [_coloured(str(result["diff"])) or good("the policy meets the specification as it is")]
    lines += [inline(f"change: {note}") for note in result.get("changes") or []]
    lines += [_coloured_proof(line) for line in proof_lines(result)]
    if adopted and target is not None:
        lines.append(good(f"written to {target}"))
    elif target is not None:
        lines.append(bad(f"nothing was written: {reason}"))
    elif result["diff"]:
        lines.append(hint("nothing was written: use -o or --in-place, or `opswright apply` with the receipt"))
    return "\n".join(lines)


def _coloured(diff: str) -> str:
    lines = []
    for line in diff.split("\n"):
        if line.startswith(("---", "+++", "@@")):
            lines.append(heading(line))
        else:
            lines.append(good(line) if line.startswith("+") else bad(line) if line.startswith("-") else inline(line))
    return "\n".join(lines)


def _coloured_proof(line: str) -> str:
    word, _, rest = line.partition(":")
    paint = {"proved": good, "refuted": bad, "undecided": hint, "warning": hint, "new access": hint}.get(word, heading)
    return f"{paint(word)}:{inline(rest)}"


@policy.command()
@POLICY
@common_options
def explain(options: Options, file: Path) -> Reply:
    """Say in plain English what each statement of POLICY does, and what is odd about it."""
    from opswright.tools.iam import explain as explaining
    from opswright.tools.iam.parser import read_policy

    found = explaining.explain(read_policy(file))
    lines = []
    for account in found.statements:
        name = f"statement {account.index + 1}" + (f" ({account.sid})" if account.sid else "")
        lines += [heading(inline(name)), f"  {inline(account.sentence)}"]
    for finding in found.findings:
        where = f"{file}:{finding.span}" if finding.span.line else str(file)
        paint = bad if finding.severity == "error" else hint
        lines.append(f"{paint(finding.severity)}  {inline(where)}: {inline(finding.message)}")
    return Reply(Status.DONE, found.to_json(), "\n".join(lines))
