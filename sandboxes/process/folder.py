"""The working folder of a call, reached through one descriptor: files go in before the start, come out after the end.

The descriptor keeps the tmpfs alive when all the call's processes and mounts are gone, so that nobody can change a path
while it is read. Links are never followed: they are the command's own and could name files of the host.
"""

import contextlib
import os
import stat
from collections.abc import Mapping, Sequence

from opswright.errors import InputError
from opswright.sandboxes.commands import relative_parts

_INTO = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not block


class WorkingFolder:
    """Owns `descriptor`. `owner`: the user and group that new files get, None to leave them ours."""

    def __init__(self, descriptor: int, owner: int | None) -> None:
        self._descriptor = descriptor
        self._owner = owner
        if owner is not None:
            os.fchown(descriptor, owner, owner)

    def put(self, files: Mapping[str, bytes]) -> None:
        """Writes the files and the folders above them. Raises InputError where one does not fit."""
        for path, content in files.items():
            try:
                self._put(relative_parts(path), content)
            except OSError as error:
                raise InputError(f"{path!r} cannot be put there ({error.strerror})", "files") from None

    def take(self, paths: Sequence[str], most: int) -> tuple[dict[str, bytes], bool]:
        """The contents of those that are ordinary files, up to `most` bytes in all; and whether one was too large."""
        taken: dict[str, bytes] = {}
        left_out = False
        for path in paths:
            if path in taken:
                continue
            with contextlib.suppress(OSError):
                content = self._take(relative_parts(path), most)
                left_out = left_out or content is None
                if content is not None:
                    taken[path] = content
                    most -= len(content)
        return taken, left_out

    def full(self) -> bool:
        """Is there no room left on it, for contents or for one more file?"""
        room = os.fstatvfs(self._descriptor)
        return room.f_bfree == 0 or room.f_ffree == 0

    def used_bytes(self) -> int:
        """What the files on the whole tmpfs hold."""
        room = os.fstatvfs(self._descriptor)
        return (room.f_blocks - room.f_bfree) * room.f_frsize

    def files(self) -> int:
        """How many files and folders the whole tmpfs holds: each takes memory of the kernel, also an empty one."""
        room = os.fstatvfs(self._descriptor)
        return room.f_files - room.f_ffree

    def close(self) -> None:
        """Lets the tmpfs go."""
        os.close(self._descriptor)

    def _put(self, parts: Sequence[str], content: bytes) -> None:
        with contextlib.ExitStack() as opened:
            folder = self._descriptor
            for name in parts[:-1]:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=folder)
                folder = os.open(name, _INTO, dir_fd=folder)
                opened.callback(os.close, folder)
                self._give(folder)
            file = os.open(parts[-1], _CREATE, 0o700, dir_fd=folder)
            with os.fdopen(file, "wb") as writing:
                self._give(file)
                writing.write(content)

    def _give(self, descriptor: int) -> None:
        if self._owner is not None:
            os.fchown(descriptor, self._owner, self._owner)

    def _take(self, parts: Sequence[str], most: int) -> bytes | None:
        with contextlib.ExitStack() as opened:
            folder = self._descriptor
            for name in parts[:-1]:
                folder = os.open(name, _INTO, dir_fd=folder)
                opened.callback(os.close, folder)
            file = os.open(parts[-1], _READ, dir_fd=folder)
            with os.fdopen(file, "rb") as reading:
                found = os.fstat(file)
                if not stat.S_ISREG(found.st_mode):
                    raise FileNotFoundError(parts[-1])
                return None if found.st_size > most else reading.read(most)  # a sparse file may claim any size
