"""What is left of a record when the text of whoever asked is taken out: a pure function of kind and payload.

Kept whole is what says that something was done, when, by whom, under which hash, and what it cost. Of the rest the
identifying part is kept. A kind that is not named here loses everything, so that a new one is safe by default.
"""

from collections.abc import Callable, Mapping
from typing import Any

from opswright.knowledge.erasure import ERASED
from opswright.knowledge.reflections import FORGOTTEN
from opswright.knowledge.reflections import KIND as REFLECTION
from opswright.nouns import Json

KEPT = frozenset({
    "approval.granted", "approval.refused", "approval.used",
    "effect.undone", "effect.kept", "effect.moved", "effect.again",
    "episode", "ledger.reserve", "ledger.settle", "model.call", "run.ended", "run.interrupted",
})  # fmt: skip


def without_text(kind: str, payload: Json, erasure: str, *, keep_undo: bool = False) -> Json:
    """The payload that stays. `keep_undo`: of an effect that stands, what undoing it needs."""
    fields: dict[str, Any] = payload if isinstance(payload, dict) else {}
    if kind in KEPT or ERASED in fields or (kind == "effect.begun" and keep_undo):
        return payload
    left = _LEFT.get(kind)
    return {**(left(fields) if left is not None else {}), ERASED: erasure}


def _effect(fields: Mapping[str, Any]) -> Mapping[str, Json]:
    action = fields["action"]
    names = ("key", "number", "scope", "external_key", "lease", "watched")
    bare = {"effect": action["effect"], "arguments": {}, "risk": action["risk"], "environment": action["environment"]}
    return {**{name: fields[name] for name in names}, "action": {**bare, "preview": ""}, "undo": None}


def _reflection(fields: Mapping[str, Any]) -> Mapping[str, Json]:
    if fields.get("event") == "used":  # an id and whether it helped
        return fields
    return {"event": FORGOTTEN, "id": fields.get("id", "")}


_LEFT: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Json]]] = {
    "effect.begun": _effect,
    "effect.done": lambda fields: {"attempt": fields["attempt"], "recovered": fields["recovered"], "result": None},
    "effect.failed": lambda fields: {"attempt": fields["attempt"]},
    "undo.failed": lambda fields: {"attempt": fields["attempt"]},
    "approval.asked": lambda fields: {"action_hash": fields["action_hash"]},
    "receipt": lambda fields: {"digest": fields["digest"]},
    REFLECTION: _reflection,
}
