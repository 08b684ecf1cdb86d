"""The one spelling of a receipt, and its checks.

A receipt is one JSON file in one spelling only (sorted keys, two blanks, ASCII), so that every byte counts: the digest
is the SHA-256 of the file's own bytes with digest and signature blank, the signature (ed25519, optional) is over the
digest. What is read is untrusted data: it is compared and copied, nothing in it is executed.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opswright import __version__
from opswright.agents.approvals import read_action
from opswright.agents.signing import ALGORITHM, SigningKey, read_public, signature_holds
from opswright.errors import InputError, ReceiptError
from opswright.nouns import Action, Json, Outcome, Proposal, Task, Tier, Usage, Verdict, as_json, digest

FORMS = "opswright/receipt/"
SCHEMA = f"{FORMS}1"
BLANK = "0" * 64
BLANK_SIGNATURE = "0" * 128
FIELDS = {
    *("schema", "program", "created", "run", "task", "proposal", "result", "verdict", "evidence", "evidence_sha256"),
    *("validator", "tiers", "usage", "memory", "adoption", "digest", "signature"),
}


@dataclass(frozen=True)
class ReceiptContent:
    """What a receipt says. `tried`: (tier, how its round ended); `memory`: ids of the lessons that were used.

    `adoption`: the actions that adopt the result, performed (`adopted`) or left for `opswright apply`.
    """

    run: str
    task: Task
    proposal: Proposal
    result: Json
    verdict: Verdict
    evidence: Mapping[str, Json]
    version: str
    usage: Usage
    tried: Sequence[tuple[str, str]] = ()
    memory: Sequence[str] = ()
    adoption: Sequence[Action] = ()
    adopted: bool = False
    program: str = __version__
    created: str = ""


@dataclass(frozen=True)
class Receipt:
    """A receipt whose digest, signature and inner digests hold. `signed_by`: the public key, empty when unsigned."""

    path: Path
    content: ReceiptContent
    digest: str
    signed_by: str

    @property
    def id(self) -> str:
        return self.digest[:16]


def spell(content: ReceiptContent, created: str, key: SigningKey | None = None) -> tuple[bytes, str]:
    """The receipt's bytes and its digest."""
    value = _as_value(content, created)
    value["signature"] = _signature(key.public, BLANK_SIGNATURE) if key else None
    value["digest"] = hashlib.sha256(_canonical(value)).hexdigest()
    if key is not None:
        value["signature"] = _signature(key.public, key.sign(bytes.fromhex(value["digest"])).hex())
    return _canonical(value), value["digest"]


def parse(raw: bytes, path: Path, trusted: Sequence[str] = ()) -> Receipt:
    """The receipt in a file's bytes, with all that its own bytes can tell checked. `trusted`: public keys.

    Raises ReceiptError: not a receipt, altered anywhere, or not signed by a trusted key where there are any.
    """
    try:
        value = json.loads(raw.decode("ascii"))
        canonical = _canonical(value)  # a number that is none (NaN, 1e999) fails here
    except (ValueError, RecursionError) as error:
        raise ReceiptError("is not a receipt: not JSON in ASCII", str(path)) from error
    if canonical != raw:
        raise ReceiptError("was altered: it is not in the one spelling a receipt has", str(path))
    if not isinstance(value, dict) or value.get("schema") != SCHEMA or set(value) != FIELDS:
        raise ReceiptError(f"is not a receipt of the form {SCHEMA}", str(path))
    found, signature = value["digest"], value["signature"]
    public = _check_shape(signature, path)
    blanked = {**value, "digest": BLANK, "signature": _signature(public, BLANK_SIGNATURE) if public else None}
    if found != hashlib.sha256(_canonical(blanked)).hexdigest():
        raise ReceiptError("was altered: its content does not have its digest", str(path))
    if public and not signature_holds(public, bytes.fromhex(found), bytes.fromhex(signature["value"])):
        raise ReceiptError("was altered: its signature does not hold", str(path))
    keys = [read_public(key) for key in trusted]
    if keys and public not in keys:
        raise ReceiptError(f"is {f'signed by {public}' if public else 'not signed'}, which is not trusted", str(path))
    return Receipt(path, _as_content(value, path), found, public)


def _as_value(content: ReceiptContent, created: str) -> dict[str, Json]:
    task = as_json(content.task)
    inputs = {name: {"sha256": digest(value), "value": value} for name, value in task["inputs"].items()}
    evidence = json.loads(json.dumps(dict(content.evidence), default=dict))
    return {
        "adoption": {"adopted": content.adopted, "actions": [as_json(action) for action in content.adoption]},
        "created": created,
        "digest": BLANK,
        "evidence": evidence,
        "evidence_sha256": digest(evidence),
        "memory": list(content.memory),
        "program": content.program,
        "proposal": {**as_json(content.proposal), "id": content.proposal.id},
        "result": content.result,
        "run": content.run,
        "schema": SCHEMA,
        "task": {**task, "inputs": inputs},
        "tiers": [list(turn) for turn in content.tried],
        "usage": as_json(content.usage),
        "validator": {"specialist": content.task.specialist, "version": content.version},
        "verdict": as_json(content.verdict),
    }


def _as_content(value: Mapping[str, Any], path: Path) -> ReceiptContent:
    try:
        task, proposal, verdict = value["task"], value["proposal"], value["verdict"]
        _check_inner_digests(value)
        return ReceiptContent(
            run=str(value["run"]),
            task=Task(
                str(task["id"]),
                str(task["specialist"]),
                str(task["goal"]),
                {name: entry["value"] for name, entry in task["inputs"].items()},
            ),
            proposal=Proposal(Tier(proposal["tier"]), proposal["content"], str(proposal["reason"])),
            result=value["result"],
            verdict=Verdict(Outcome(verdict["outcome"]), str(verdict["reason"]), dict(verdict["evidence"])),
            evidence=dict(value["evidence"]),
            version=str(value["validator"]["version"]),
            usage=Usage(**value["usage"]),
            tried=tuple((str(tier), str(ending)) for tier, ending in value["tiers"]),
            memory=tuple(str(name) for name in value["memory"]),
            adoption=tuple(read_action(action) for action in value["adoption"]["actions"]),
            adopted=value["adoption"]["adopted"] is True,
            program=str(value["program"]),
            created=str(value["created"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, InputError) as error:
        raise ReceiptError(f"is not a receipt of the form {SCHEMA} ({error})", str(path)) from error


def _check_inner_digests(value: Mapping[str, Any]) -> None:
    # The outer digest covers these; they are for whoever compares one part with a file or another receipt.
    parts = [("evidence", value["evidence_sha256"], value["evidence"])]
    parts += [(f"input {name}", entry["sha256"], entry["value"]) for name, entry in value["task"]["inputs"].items()]
    for name, stated, content in parts:
        if stated != digest(content):
            raise ValueError(f"{name} does not have the digest it states")
    proposal = value["proposal"]
    if proposal["id"] != digest(proposal["content"])[:16]:
        raise ValueError("the proposal does not have the id it states")
    if value["validator"]["specialist"] != value["task"]["specialist"]:
        raise ValueError("the task is another specialist's")


def _signature(public: str, value: str) -> dict[str, Json]:
    return {"algorithm": ALGORITHM, "public_key": public, "value": value}


def _check_shape(signature: Json, path: Path) -> str:
    """The public key, empty without a signature."""
    if signature is None:
        return ""
    fields = signature if isinstance(signature, dict) else {}
    public, value = str(fields.get("public_key")), str(fields.get("value"))
    shaped = re.fullmatch("[0-9a-f]{128}", value) and re.fullmatch("[A-Za-z0-9+/]{43}=", public)
    if not shaped or signature != _signature(public, value):
        raise ReceiptError("was altered: its signature is not one", str(path))
    return public


def _canonical(value: Json) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode("ascii")
