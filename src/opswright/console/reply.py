"""A command's answer before it is printed, and how its status becomes an exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from opswright.errors import ApprovalNeeded, Exit, InputError, OpswrightError
from opswright.nouns import Json, Outcome, Usage, as_json
from opswright.redaction import Redactor

SCHEMA = "opswright/1"
NOTHING_SPENT = Usage()


class Format(StrEnum):
    """How a reply is printed on stdout."""

    TEXT = "text"
    JSON = "json"
    STREAM_JSON = "stream-json"


class Status(StrEnum):
    """How a command ended; the envelope's `status`."""

    DONE = "done"
    FOUND = "found"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    BUDGET = "budget"
    APPROVAL = "approval"
    ERROR = "error"

    @classmethod
    def of(cls, outcome: Outcome) -> "Status":
        """The status of a verdict."""
        return cls(outcome.value)


_EXITS: Mapping[Status, Exit] = {
    Status.DONE: Exit.DONE,
    Status.FOUND: Exit.FOUND,
    Status.ACCEPTED: Exit.DONE,
    Status.REJECTED: Exit.FOUND,
    Status.UNDECIDED: Exit.UNDECIDED,
    Status.BUDGET: Exit.BUDGET,
    Status.APPROVAL: Exit.APPROVAL,
    Status.ERROR: Exit.BUG,
}


@dataclass(frozen=True)
class Failure:
    """The envelope's `error`: its kind (the class's name), one line that says what to do, and where it is."""

    kind: str
    message: str
    exit_code: Exit
    where: str = ""
    action_hash: str = ""

    @classmethod
    def of(cls, error: OpswrightError) -> "Failure":
        """The failure an error of ours stands for."""
        message = Redactor().text(" ".join(str(error).split())) or type(error).__name__
        where = error.where if isinstance(error, InputError) else ""
        action_hash = error.action_hash if isinstance(error, ApprovalNeeded) else ""
        return cls(type(error).__name__, message, error.exit_code, where, action_hash)

    @property
    def status(self) -> Status:
        """The status of a command that ended with it."""
        by_code = {Exit.BUDGET: Status.BUDGET, Exit.APPROVAL: Status.APPROVAL}
        return by_code.get(self.exit_code, Status.ERROR)


@dataclass(frozen=True)
class Reply:
    """What a command returns; `main` prints it. `result`: plain JSON; `text`: what a person reads on stdout.

    `error` stands beside a result where both exist: a doctor that found something broken, a budget that ran out after
    a first verified result. `tier` is shown in the cost line.
    """

    status: Status
    result: Json = None
    text: str = ""
    usage: Usage = NOTHING_SPENT
    receipts: Sequence[str] = ()
    error: Failure | None = None
    tier: str = ""

    @property
    def exit_code(self) -> Exit:
        """The status's exit code, or the error's where there is one."""
        if self.error is not None:
            return self.error.exit_code
        return _EXITS[self.status]

    def envelope(self, command: str) -> dict[str, Json]:
        """The one JSON object a command prints on stdout."""
        usage = as_json(self.usage) | {"tokens": self.usage.tokens}
        return {
            "schema": SCHEMA,
            "command": command,
            "status": self.status.value,
            "result": self.result,
            "error": None if self.error is None else _error_json(self.error),
            "usage": usage,
            "receipts": list(self.receipts),
        }


def _error_json(failure: Failure) -> dict[str, Json]:
    return {
        "kind": failure.kind,
        "message": failure.message,
        "where": failure.where or None,
        "action_hash": failure.action_hash or None,
        "exit_code": int(failure.exit_code),
    }


def failed(error: OpswrightError, result: Json = None, usage: Usage | None = None) -> Reply:
    """The reply of a command that ended with an error of ours."""
    failure = Failure.of(error)
    return Reply(failure.status, result=result, error=failure, usage=usage or NOTHING_SPENT)
