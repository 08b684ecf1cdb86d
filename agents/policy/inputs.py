"""From files and words to a task's inputs, and from a task's inputs to what the solver works on."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from opswright.agents.files import File
from opswright.errors import InputError
from opswright.nouns import Json, Task
from opswright.tools.iam.document import Policy
from opswright.tools.iam.parser import parse_policy
from opswright.tools.iam.spec import Spec, parse_spec

Role = Literal["policy", "spec"]

_SPEC_KEYS = ("requests", "never", "always", "may")
_SPEC_LINE = re.compile(rf"^\s*[\"']?({'|'.join(_SPEC_KEYS)})[\"']?\s*:", re.MULTILINE)
_POLICY_LINE = re.compile(r"[\"']?Statement[\"']?\s*:")
_GENERALISE = re.compile(r"\bgenerali[sz]", re.IGNORECASE)


def classify(name: str, text: str) -> Role | None:
    """Whether a file is a policy or a specification, by its content; a broken one by what it looks like, so that the
    parser can say what is wrong with it."""
    found = _by_content(text)
    if found is not None:
        return found
    if _POLICY_LINE.search(text) and "Effect" in text:
        return "policy"
    if _SPEC_LINE.search(text):
        return "spec"
    stem = Path(name).name.lower()
    if stem.endswith((".json", ".yaml", ".yml")):
        if re.search(r"spec|request", stem):
            return "spec"
        if re.search(r"polic", stem):
            return "policy"
    return None


def _by_content(text: str) -> Role | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if "Statement" in value:
        return "policy"
    return "spec" if any(key in value for key in _SPEC_KEYS) else None


def inputs(goal: str, files: Sequence[File]) -> dict[str, Json]:
    """The inputs of a repair from a request in words and its files. Raises InputError saying which file is missing."""
    roles: dict[str, list[File]] = {"policy": [], "spec": []}
    for file in files:
        role = file.role("policy") or classify(file.name, file.text)
        if role in roles:
            roles[role].append(file)
    for role, what in (
        ("policy", "the policy"),
        ("spec", "the specification (requests that must be allowed or denied)"),
    ):
        if not roles[role]:
            raise InputError(f"name the file with {what}", "--file")
        if len(roles[role]) > 1:
            names = ", ".join(file.name for file in roles[role])
            raise InputError(f"name one file with {what}, not several: {names}", "--file")
    (policy,), (spec,) = roles["policy"], roles["spec"]
    return repair_inputs(policy, spec, generalise=bool(_GENERALISE.search(goal)))


def repair_inputs(policy: File, spec: File, *, generalise: bool = False, out: Path | None = None) -> dict[str, Json]:
    """The inputs of a repair. `out`: the file to write an accepted result to; None shows it only."""
    return {
        "policy": policy.whole_text(),
        "policy_name": policy.name,
        "policy_path": str(Path(policy.name).absolute()),
        "spec": spec.whole_text(),
        "spec_name": spec.name,
        "generalise": generalise,
        "out": None if out is None else str(out.absolute()),
    }


@dataclass(frozen=True)
class Work:
    """A repair task, read. `mended`: what had to be put right before the policy could be read at all, a line each."""

    policy: Policy
    spec: Spec
    generalise: bool
    name: str
    mended: tuple[str, ...] = ()


def read_work(task: Task) -> Work:
    """The task's policy and specification. Raises InputError with file, line and column."""
    found = task.inputs
    texts = [_text(found, key) for key in ("policy", "policy_name", "spec", "spec_name")]
    return _read(*texts, generalise=found.get("generalise") is True)


def _text(found: Mapping[str, Json], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise InputError(f"the task has no {key}", "inputs")
    return value


@lru_cache(maxsize=8)
def _read(policy: str, policy_name: str, spec: str, spec_name: str, *, generalise: bool) -> Work:
    document, mended = _document(policy, policy_name)
    return Work(document, parse_spec(spec, spec_name), generalise, policy_name, mended)


def _document(text: str, name: str) -> tuple[Policy, tuple[str, ...]]:
    """The policy; one that AWS would refuse for a stray element is mended first, which is part of its repair."""
    try:
        return parse_policy(text, name), ()
    except InputError as error:
        from opswright.tools.iam.json_text import read_json
        from opswright.tools.iam.mend import mend
        from opswright.tools.iam.rewrite import rewrite

        value = read_json(text, name).root.value
        mended, notes = mend(value)
        if not notes:
            raise
        try:
            return parse_policy(rewrite(text, mended), name), tuple(f"{note} ({error})" for note in notes[:1]) + notes[
                1:
            ]
        except InputError:
            raise error from None
