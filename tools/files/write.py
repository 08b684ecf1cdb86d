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
from typing import IO

from opswright.errors import ApprovalRefused, InputError, StoreFailed, ToolFailed
from opswright.nouns import Action, Json, Permit, Risk, UndoOp

NAME = "files.write"
RISK = Risk.REVERSIBLE
LARGEST_BYTES = 16 * 1024 * 1024
LOCK_WAIT_S = 10.0
_LINKED = "is reached through a symbolic link, which an approval does not cover"
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
    with _locked(path.parent) as folder:
        _check_expected(path, _find(path, folder), expected)
        _replace(folder, path, content)
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
    with _locked(path.parent) as folder:
        _remove(folder, _temporary(path, written))
        found = _find(path, folder)
        if before is None:
            if found is not None and (found.sha256 == written or force):
                _unlink(folder, path)
            elif found is not None:
                raise ToolFailed(f"{path} was changed by somebody else since; it was left as it is")
            return
        if found is not None and found.content == before:
            if found.mode != mode:
                _set_mode(folder, path, mode)
            return
        if not force and (found is None or found.sha256 != written):
            raise ToolFailed(f"{path} was changed by somebody else since; it was left as it is")
        _replace(folder, path, before, mode)


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


def _find(path: Path, folder: int | None = None) -> _Found | None:
    """What is there; with `folder`, in the folder that this descriptor is of, whatever its path says by now."""
    try:
        if os.path.realpath(path) != str(path):
            raise ToolFailed(f"{path} {_LINKED}")
        # Non-blocking: a named pipe must be found out, not waited for.
        name = path if folder is None else path.name
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
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


def _replace(folder: int, path: Path, content: bytes, mode: int | None = None) -> None:
    """Temporary file beside it, flushed to the disk, renamed over it, folder flushed. Raises StoreFailed."""
    temporary = _temporary(path, _sha256(content))
    try:
        _remove(folder, temporary)  # of a process that died here; the folder's lock says that nobody writes it
        before = _present(folder, path)
        new_mode = 0o666 if before is None and mode is None else 0o600
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, new_mode, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if before is not None:
                with before:
                    _copy_attributes(before.fileno(), descriptor)
            if mode is not None:
                os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            _remove(folder, temporary)
        raise StoreFailed(f"{path}: {error.strerror or error}; it was left as it was") from error


def _present(folder: int, path: Path) -> IO[bytes] | None:
    try:
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    return os.fdopen(descriptor, "rb")


def _copy_attributes(old: int, new: int) -> None:
    before, now = os.fstat(old), os.fstat(new)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(new, before.st_uid, before.st_gid)
    os.fchmod(new, stat.S_IMODE(before.st_mode))  # after chown, which clears set-user-id
    with contextlib.suppress(OSError):  # file systems without extended attributes, and names only root may set
        for name in os.listxattr(old):
            os.setxattr(new, name, os.getxattr(old, name))


def _set_mode(folder: int, path: Path, mode: int) -> None:
    file = _present(folder, path)
    if file is not None:
        with file:
            os.fchmod(file.fileno(), mode)


def _unlink(folder: int, path: Path) -> None:
    try:
        os.unlink(path.name, dir_fd=folder)
        os.fsync(folder)
    except OSError as error:
        raise ToolFailed(f"{path}: {error.strerror}; it was left as it was") from error


def _remove(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _temporary(path: Path, sha256: str) -> str:
    # Named after what it will hold, so that the one a dead process left is found again.
    return f".opswright-{_sha256(os.fsencode(path.name))[:12]}-{sha256[:12]}.tmp"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """One writer of ours in a folder at a time, so that the check and the rename belong together.

    Yields the folder's descriptor: what is done by it is done there, even if its path leads elsewhere meanwhile.
    """
    give_up = time.monotonic() + LOCK_WAIT_S
    try:
        descriptor = _open_folder(folder)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may change once more while it is looked at
            if os.path.realpath(folder) != str(folder):
                raise ToolFailed(f"{folder} {_LINKED}") from error
        raise ToolFailed(f"{folder}: {error.strerror}") from error
    try:
        while not _try_lock(descriptor):
            if time.monotonic() > give_up:
                raise ToolFailed(f"{folder} is locked by another process for more than {LOCK_WAIT_S:g} s")
            time.sleep(0.02)
        yield descriptor
    finally:
        os.close(descriptor)


def _open_folder(folder: Path) -> int:
    """Opens it step by step from the root, so that no link on the way is followed, one put there just now included."""
    step = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    current = os.open("/", step)
    try:
        for name in folder.parts[1:]:
            inner = os.open(name, step, dir_fd=current)
            os.close(current)
            current = inner
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=current)
    finally:
        os.close(current)


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
