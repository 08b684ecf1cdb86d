"""Receipts: what an accepted result leaves behind, so that anybody can check it again without trusting this run.

A receipt that is read is untrusted data: nothing in it is executed, and nothing is written because of it.
"""

import contextlib
import json
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from opswright.agents.ports import Specialist
from opswright.agents.receipt_form import FORMS, Receipt, ReceiptContent, parse, spell
from opswright.agents.replaying import guarded, replay
from opswright.agents.signing import SigningKey
from opswright.errors import InputError, ReceiptError, StoreFailed
from opswright.nouns import Outcome, Task, Verdict

__all__ = [
    "Receipt",
    "ReceiptContent",
    "Verification",
    "adopting",
    "check_target",
    "read_receipt",
    "verify_receipt",
    "write_receipt",
    "written_key",
]

LARGEST_BYTES = 64 * 1024 * 1024
APPLY = "apply"  # the task's input that asks a specialist for the adoption of what was only shown


@dataclass(frozen=True)
class Verification:
    """What `verify` found. `replay` and `live`: absent when not asked for."""

    receipt: Receipt
    notes: tuple[str, ...] = ()
    replay: Verdict | None = None
    live: Verdict | None = None

    @property
    def outcome(self) -> Outcome:
        """Accepted only when every check that was made accepted."""
        made = [verdict.outcome for verdict in (self.replay, self.live) if verdict is not None]
        for worst in (Outcome.REJECTED, Outcome.UNDECIDED):
            if worst in made:
                return worst
        return Outcome.ACCEPTED


def write_receipt(
    content: ReceiptContent,
    folder: Path,
    *,
    path: Path | None = None,
    key: SigningKey | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Path:
    """Writes it to `path`, or under a name of its own into `folder`; mode 0600, whole or not at all.

    Raises StoreFailed when it cannot be written, InputError as `check_target` does.
    """
    created = content.created or clock().isoformat(timespec="milliseconds")
    text, identity = spell(content, created, key)
    if path is None:
        path = folder / f"{re.sub('[^0-9]', '', created[:19])}-{content.task.specialist}-{identity[:12]}.json"
    _write_whole(path, text)
    return path


def read_receipt(path: Path, trusted: Sequence[str] = ()) -> Receipt:
    """Reads a receipt and checks all that its own bytes can tell. `trusted`: the public keys that may have signed it.

    Raises ReceiptError: not a receipt, altered anywhere, or not signed by a trusted key where there are any.
    """
    return parse(_read(path), path, trusted)


def verify_receipt(
    path: Path,
    *,
    live: bool = False,
    trusted: Sequence[str] = (),
    specialist: Callable[[str], Specialist] | None = None,
) -> Verification:
    """Integrity; then, with `specialist` (a known name -> its ports), its proofs once more; with `live` the world too.

    Raises ReceiptError when the integrity fails, InputError for an unknown specialist.
    """
    receipt = read_receipt(path, trusted)
    if specialist is None:
        return Verification(receipt)
    content = receipt.content
    ports = specialist(content.task.specialist)
    notes = []
    if ports.version != content.version:
        notes.append(f"validated by version {content.version}, replayed by {ports.version}")
    if not receipt.signed_by:
        notes.append("not signed: whoever wrote it could have written another")
    seen = _look(ports, content) if live else None
    return Verification(receipt, tuple(notes), replay(ports, content), seen)


def written_key(digest: str) -> str:
    """The key of the journal's record of a receipt that a run here wrote."""
    return f"receipt:{digest}"


def adopting(task: Task) -> Task:
    """The same task, asking for the adoption of what it may only have shown."""
    return replace(task, inputs={**task.inputs, APPLY: True})


def _look(ports: Specialist, content: ReceiptContent) -> Verdict:
    """Is the world as the receipt says? What was only shown may have been applied later, or may not."""
    if content.adopted:
        return guarded(lambda: ports.adopter.verify(content.task, content.proposal))
    seen = guarded(lambda: ports.adopter.verify(adopting(content.task), content.proposal))
    return seen if seen.accepted else Verdict(Outcome.UNDECIDED, f"it was shown, not adopted: {seen.reason}")


def _read(path: Path) -> bytes:
    try:
        # Non-blocking: a named pipe must be found out, not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ReceiptError("is not a regular file", str(path))
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise ReceiptError(f"cannot be read ({error.strerror})", str(path)) from error
    if len(raw) > LARGEST_BYTES:
        raise ReceiptError(f"is larger than {LARGEST_BYTES} bytes, which no receipt is", str(path))
    return raw


def check_target(path: Path) -> None:
    """Raises InputError where a receipt must not go: over a folder, a device, or a file that is no receipt."""
    if not path.name or path.is_dir():
        raise InputError("is a folder; name a file for the receipt", str(path))
    if not os.path.lexists(path):
        return
    found = _read(path)
    try:
        form = str(json.loads(found)["schema"])
    except (ValueError, LookupError, TypeError, RecursionError):
        form = ""
    if found and not form.startswith(FORMS):  # an empty file may be somebody's `mktemp`
        raise InputError("holds something that is no receipt and would be lost; name another file", str(path))


def _write_whole(path: Path, content: bytes) -> None:
    check_target(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)  # of a dead process, or of somebody who waits for what is written there
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StoreFailed(f"{path}: {error.strerror}; the receipt was not written") from error
