"""The image that containers start from: built here, kept by the engine under a tag that its content gives."""

import contextlib
import fcntl
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from opswright.errors import SandboxUnavailable
from opswright.sandboxes.cgroups.owners import new_name
from opswright.sandboxes.container import rootfs
from opswright.sandboxes.container.cell import OWNER
from opswright.sandboxes.container.engine import asking

if TYPE_CHECKING:
    from docker import APIClient

REPOSITORY = "opswright-sandbox"
LABEL = "opswright.sandbox.content"
Said = Callable[[str], None]
Contents = Callable[[], tuple[rootfs.Entry, ...]]


def ensure(api: "APIClient", named: str | None, said: Said, contents: Contents = rootfs.entries) -> str:
    """The image's name, once the engine has it: ours, which is built when its content is new, or one upon `named`, with
    nothing added but the link to the working folder. `contents`: what ours is made of.

    Raises SandboxUnavailable: an image of that name is not there (nothing is fetched), or this machine's programs give
    none.
    """
    if named is not None:
        return _with_working_folder(api, named)
    entries = _read(contents)
    content = rootfs.digest(entries)
    tag = tag_of(content)
    if not present(api, tag):
        with _alone():
            if not present(api, tag):  # another process may have built it meanwhile
                said("building the sandbox's image from this machine's programs, once")
                _build(api, entries, content)
    return tag


def expected(named: str | None) -> str:
    """The image that the engine must have for `ensure` to build nothing. Raises SandboxUnavailable."""
    return named or tag_of(rootfs.digest(_read(rootfs.entries)))


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


def _with_working_folder(api: "APIClient", named: str) -> str:
    if not present(api, named):
        raise SandboxUnavailable(f"the engine has no image {named!r} (sandbox.image), and none is fetched")
    with asking("the sandbox's image"):
        base = str(api.inspect_image(named)["Id"]).rpartition(":")[2]
    tag = tag_of(f"on-{base}")
    if not present(api, tag):
        with _alone(), asking("preparing the sandbox's image"):
            repository, _, version = tag.partition(":")
            container = api.create_container(named, ["true"], labels={OWNER: new_name()})["Id"]
            try:
                api.put_archive(container, "/", b"".join(rootfs.archive((rootfs.WORK_LINK,))))
                api.commit(container, repository=repository, tag=version, changes=[f"LABEL {LABEL}={named}"])
            finally:
                api.remove_container(container, force=True)
    return tag


def _read(contents: Contents) -> tuple[rootfs.Entry, ...]:
    try:
        return contents()
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
