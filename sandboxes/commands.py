"""Can this be a command at all? The same answer for every sandbox, before anything is started."""

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from opswright.errors import InputError
from opswright.sandboxes.ports import WORKING_FOLDER, Command, Limits, Mount

DEFAULT_ENVIRONMENT: Mapping[str, str] = {
    "HOME": WORKING_FOLDER,
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
    "TMPDIR": "/tmp",
}
NOBODY = 65534  # who runs a command when the program itself is root

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_TAKEN = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/proc", "/sys", "/dev", "/tmp")


def check(command: Command, limits: Limits, as_nobody: bool | None = None) -> None:
    """Raises InputError with the one thing that is wrong. `as_nobody`: does 65534 run it? As root only, by default."""
    as_nobody = os.geteuid() == 0 if as_nobody is None else as_nobody
    if not command.argv or not command.argv[0]:
        raise InputError("a command needs the name of a program", "argv")
    for argument in (*command.argv, *command.environment.values(), *(mount.inside for mount in command.mounts)):
        if not _is_text(argument):
            raise InputError(f"{argument!r} cannot be an argument: it holds NUL or half a character", "argv")
    for name in command.environment:
        if not _VARIABLE.fullmatch(name):
            raise InputError(f"{name!r} cannot be the name of an environment variable", "environment")
    for path in (*command.files, *command.collect):
        relative_parts(path)
    if sum(len(content) for content in command.files.values()) > limits.disk_bytes:
        raise InputError(f"the files are larger than the {limits.disk_bytes} bytes the call may write", "files")
    for mount in command.mounts:
        _check_mount(mount, as_nobody)
    for limit, value in vars(limits).items():
        if value <= 0 and limit != "network":
            raise InputError(f"a limit must be above 0, not {value}", limit)


def relative_parts(path: str) -> tuple[str, ...]:
    """The parts of a path inside the working folder. Raises InputError for one that leads out of it or is none."""
    pure = PurePosixPath(path)
    if not _is_text(path) or not pure.parts or pure.is_absolute() or ".." in pure.parts:
        raise InputError(f"{path!r} is not a path inside the working folder", "files")
    return pure.parts


def environment(command: Command) -> dict[str, str]:
    """All that the command finds in its environment."""
    return {**DEFAULT_ENVIRONMENT, **command.environment}


def mount_source(mount: Mount) -> Path:
    """The host's file or folder, links followed. Raises InputError when it is not there."""
    try:
        source = mount.host.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise InputError("there is no such file or folder to mount", str(mount.host)) from None
    return source


def _usable(source: Path, writable: bool, as_nobody: bool) -> bool:
    """Better said before than met as a refusal inside, where everything looks right."""
    needed = os.R_OK | (os.W_OK if writable else 0) | (os.X_OK if source.is_dir() else 0)
    if not as_nobody:
        return os.access(source, needed)
    found = source.stat()
    rights = found.st_mode & 7 | (found.st_mode >> 6 & 7 if found.st_uid == NOBODY else 0)
    return rights & needed == needed


def _is_text(word: str) -> bool:
    """Can the system take it as an argument or a path?"""
    try:
        return b"\0" not in os.fsencode(word)
    except UnicodeEncodeError:
        return False


def _check_mount(mount: Mount, as_nobody: bool) -> None:
    source = mount_source(mount)
    if not _usable(source, mount.writable, as_nobody):
        what = "written to" if mount.writable else "read"
        by = "others, and commands run as another user" if as_nobody else "this user, as whom commands run"
        raise InputError(f"it may not be {what} by {by}", str(source))
    inside = PurePosixPath(mount.inside)
    if not inside.is_absolute() or ".." in inside.parts or mount.inside.startswith("//"):
        raise InputError(f"{mount.inside!r} is not an absolute path to mount at", "mounts")
    if len(inside.parts) == 1 or str(inside) == WORKING_FOLDER or any(inside.is_relative_to(path) for path in _TAKEN):
        raise InputError(f"nothing can be mounted at {mount.inside!r}: the system's own files are there", "mounts")
