"""Replaces one text file as a whole, atomically, if it still is what the person saw who approved.

Arguments: `path` (absolute, no symbolic link in it), `text`, and `expected`: the SHA-256 of the present content, or
None when there must be no file. A link is followed when the action is made (`action`), so that the approval is for the
file that is really written; a link that appears afterwards is refused. Mode, owner and extended attributes stay; hard
links part.
"""

import base64
import binascii
import contextlib
import difflib
import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from opswright.errors import ApprovalRefused, InputError, StoreFailed, ToolFailed
from opswright.nouns import Action, Json, Permit, Risk, UndoOp

NAME = "files.write"
RISK = Risk.REVERSIBLE
LARGEST_BYTES = 16 * 1024 * 1024
LOCK_WAIT_S = 10.0
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class _Found:
    """A regular file as it is: content and permission bits."""

    content: bytes
    mode: int

    @property
    def sha256(self) -> str:
        return _sha256(self.content)


def action(path: Path, text: str, *, before: str | None = None, environment: str = "local") -> Action:
    """The action that gives `path` this text, with the diff as its preview.

    It is bound to what the file holds now, or to `before`: the text that was read when the work began, so that what
    somebody changed in between is not overwritten. Raises InputError when it is no regular text file, its folder does
    not exist, or it does not hold `before` any more.
    """
    real = _real(path)
    try:
        found = _find(real)
        now = "" if found is None else found.content.decode("utf-8")
    except (ToolFailed, UnicodeDecodeError) as error:
        raise InputError(f"cannot be replaced ({error})", str(path)) from error
    if not real.parent.is_dir():
        raise InputError("its folder does not exist", str(path))
    if before is not None and (found is None or now != before):
        raise InputError("was changed since it was read; it was left as it is", str(path))
    arguments = {"path": str(real), "text": text, "expected": None if found is None else found.sha256}
    return Action(NAME, arguments, RISK, environment, diff(now, text, str(path)))


def content(path: Path) -> bytes | None:
    """What the file holds, a link followed; None where there is none.

    Raises ToolFailed for what is no regular file (a device, a pipe) or too large, InputError for what is no path.
    """
    found = _find(_real(path))
    return None if found is None else found.content


def _real(path: Path) -> Path:
    try:
        os.fsencode(path)
        return Path(os.path.realpath(path))
    except ValueError as error:  # a NUL, a surrogate that no name has
        raise InputError(f"is not a path ({error})", NAME) from error


def diff(before: str, after: str, name: str) -> str:
    """A unified diff. Lines end at a newline alone: other separators within a string must not make lines of it."""
    lines = difflib.unified_diff(
        _LINE.findall(before), _LINE.findall(after), f"{_on_one_line(name)} (before)", f"{_on_one_line(name)} (after)"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _on_one_line(name: str) -> str:
    return name.replace("\\", "\\\\").replace("\n", "\\n") if "\n" in name else name


def capture(arguments: Mapping[str, Json]) -> UndoOp:
    """Content (base64) and mode of the file, and the hash it is going to have. Raises ToolFailed as `perform` does."""
    path, content, expected = _read_arguments(arguments)
    found = _find(path)
    _check_expected(path, found, expected)
    captured = {
        "path": str(path),
        "written": _sha256(content),
        "content": None if found is None else base64.b64encode(found.content).decode("ascii"),
        "mode": None if found is None else found.mode,
    }
    return UndoOp(NAME, captured)


def perform(action: Action, permit: Permit, key: str) -> Json:
    """Writes it. ApprovalRefused for another action's permit; after ToolFailed and StoreFailed nothing is changed."""
    if permit.action_hash != action.hash or action.effect != NAME:
        raise ApprovalRefused(f"{NAME}: the permit is for another action; nothing was written")
    path, content, expected = _read_arguments(action.arguments)
    with _locked(path.parent):
        _check_expected(path, _find(path), expected)
        _replace(path, content)
    return {"path": str(path), "sha256": _sha256(content), "size_bytes": len(content)}


def landed(arguments: Mapping[str, Json], key: str) -> bool | None:
    """Does the file hold the text? A write happens as a whole or not at all, so the content alone says it."""
    path, content, _ = _read_arguments(arguments)
    found = _find(path)
    return found is not None and found.content == content


def revert(captured: Mapping[str, Json], force: bool = False) -> None:
    """Gives the file its captured content and mode back, or removes it where there was none.

    Raises ToolFailed when its content is neither what was written nor what was captured, unless forced.
    """
    path, before, mode, written = _read_captured(captured)
    with _locked(path.parent):
        _temporary(path, written).unlink(missing_ok=True)
        found = _find(path)
        if before is None:
            if found is not None and (found.sha256 == written or force):
                _unlink(path)
            elif found is not None:
                raise ToolFailed(f"{path} was changed by somebody else since; it was left as it is")
            return
        if found is not None and found.content == before:
            if found.mode != mode:
                path.chmod(mode)
            return
        if not force and (found is None or found.sha256 != written):
            raise ToolFailed(f"{path} was changed by somebody else since; it was left as it is")
        _replace(path, before, mode)


def _read_arguments(arguments: Mapping[str, Json]) -> tuple[Path, bytes, str | None]:
    path, text, expected = (arguments.get(name) for name in ("path", "text", "expected"))
    if set(arguments) != {"path", "text", "expected"} or not isinstance(path, str) or not isinstance(text, str):
        raise InputError("takes path, text and expected", NAME)
    if not path.startswith("/") or "\0" in path or os.path.normpath(path) != path:
        raise InputError("path must be absolute and plain", NAME)
    if expected is not None and not isinstance(expected, str):
        raise InputError("expected must be a SHA-256 or null", NAME)
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"the text cannot be written as UTF-8: {error.reason}", NAME) from error
    if len(content) > LARGEST_BYTES:
        raise InputError(f"the text is larger than {LARGEST_BYTES} bytes", NAME)
    return Path(path), content, expected


def _read_captured(captured: Mapping[str, Json]) -> tuple[Path, bytes | None, int, str]:
    try:
        content = captured["content"]
        before = None if content is None else base64.b64decode(content, validate=True)
        return Path(str(captured["path"])), before, int(captured["mode"] or 0) & 0o7777, str(captured["written"])
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise InputError(f"not an undo record of this effect ({error})", NAME) from error


def _find(path: Path) -> _Found | None:
    try:
        if os.path.realpath(path) != str(path):
            raise ToolFailed(f"{path} is reached through a symbolic link, which an approval does not cover")
        # Non-blocking: a named pipe must be found out, not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ToolFailed(f"{path}: {error.strerror}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise ToolFailed(f"{path} is not a regular file")
    try:
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(LARGEST_BYTES + 1)  # a file of the kernel's has no size
    except OSError as error:
        raise ToolFailed(f"{path}: {error.strerror}") from error
    if len(content) > LARGEST_BYTES:
        raise ToolFailed(f"{path} is larger than {LARGEST_BYTES} bytes")
    return _Found(content, stat.S_IMODE(status.st_mode))


def _check_expected(path: Path, found: _Found | None, expected: str | None) -> None:
    actual = None if found is None else found.sha256
    if actual == expected:
        return
    if expected is None:
        raise ToolFailed(f"{path} exists by now; it was left as it is")
    if actual is None:
        raise ToolFailed(f"{path} does not exist any more; nothing was written")
    raise ToolFailed(f"{path} was changed since the action was made; it was left as it is")


def _replace(path: Path, content: bytes, mode: int | None = None) -> None:
    """Temporary file beside it, flushed to the disk, renamed over it, folder flushed. Raises StoreFailed."""
    temporary = _temporary(path, _sha256(content))
    try:
        temporary.unlink(missing_ok=True)  # of a process that died here; the folder's lock says that nobody writes it
        before = path.lstat() if path.exists() else None
        new_mode = 0o666 if before is None and mode is None else 0o600
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, new_mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if before is not None:
                _copy_attributes(path, before, descriptor)
            if mode is not None:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StoreFailed(f"{path}: {error.strerror or error}; it was left as it was") from error


def _copy_attributes(path: Path, before: os.stat_result, descriptor: int) -> None:
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))  # after chown, which clears set-user-id
    with contextlib.suppress(OSError):  # file systems without extended attributes, and names only root may set
        for name in os.listxattr(path, follow_symlinks=False):
            os.setxattr(descriptor, name, os.getxattr(path, name, follow_symlinks=False))


def _unlink(path: Path) -> None:
    try:
        path.unlink()
        _flush_folder(path.parent)
    except OSError as error:
        raise ToolFailed(f"{path}: {error.strerror}; it was left as it was") from error


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary(path: Path, sha256: str) -> Path:
    # Named after what it will hold, so that the one a dead process left is found again.
    return path.with_name(f".opswright-{_sha256(os.fsencode(path.name))[:12]}-{sha256[:12]}.tmp")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer of ours in a folder at a time, so that the check and the rename belong together."""
    give_up = time.monotonic() + LOCK_WAIT_S
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ToolFailed(f"{folder}: {error.strerror}") from error
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > give_up:
                raise ToolFailed(f"{folder} is locked by another process for more than {LOCK_WAIT_S:g} s")
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: the check and the rename are then merely close together
    return True


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
