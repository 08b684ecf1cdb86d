"""The image that containers start from: built here, kept by the engine under a tag that its content gives."""

import contextlib
import fcntl
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.container import rootfs
from opswright.sandboxes.container.engine import asking

if TYPE_CHECKING:
    from docker import APIClient

REPOSITORY = "opswright-sandbox"
LABEL = "opswright.sandbox.content"
Said = Callable[[str], None]


def ensure(api: "APIClient", named: str | None, said: Said) -> str:
    """The image's name, once the engine has it: `named` as it is, else ours, which is built when its content is new.

    Raises SandboxUnavailable: an image of that name is not there (nothing is fetched), or this machine's programs give
    none.
    """
    if named is not None:
        if not present(api, named):
            raise SandboxUnavailable(
                f"the engine has no image {named!r} (sandbox.image), and none is fetched by itself"
            )
        return named
    with contextlib.ExitStack() as stack:
        entries = _entries()
        content = rootfs.digest(entries)
        tag = tag_of(content)
        if present(api, tag):
            return tag
        stack.enter_context(_alone())
        if not present(api, tag):  # another process may have built it meanwhile
            said("building the sandbox's image from this machine's programs, once")
            _build(api, entries, content)
    return tag


def tag_of(content: str) -> str:
    """The tag of our own image with this content digest."""
    return f"{REPOSITORY}:{content[:16]}"


def present(api: "APIClient", name: str) -> bool:
    """Has the engine got it?"""
    import docker

    with asking("the sandbox's image"):
        try:
            api.inspect_image(name)
        except docker.errors.ImageNotFound:
            return False
    return True


def _entries() -> tuple[rootfs.Entry, ...]:
    try:
        return rootfs.entries()
    except (ValueError, OSError) as error:
        advice = "name an image in the setting sandbox.image"
        raise SandboxUnavailable(f"no image can be made of this machine's programs ({error}); {advice}") from None


def _build(api: "APIClient", entries: tuple[rootfs.Entry, ...], content: str) -> None:
    repository, _, tag = tag_of(content).partition(":")
    with asking("building the sandbox's image"):
        api.import_image_from_stream(
            _Stream(rootfs.archive(entries)), repository=repository, tag=tag, changes=[f"LABEL {LABEL}={content}"]
        )
    if not present(api, tag_of(content)):
        raise SandboxUnavailable("the engine took the sandbox's image and does not have it")


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file that can be read, for the SDK."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Only one process of this installation builds at a time; a second one finds the image built. The lock is on this
    file itself: nothing is left behind.
    """
    with Path(__file__).open("rb") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        yield
